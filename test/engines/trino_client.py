"""A client of Trino's statement protocol, with the statistics of each query.

https://trino.io/docs/current/develop/client-protocol.html
"""

import json
import urllib.request


class TrinoError(Exception):
    """A statement failed; name is Trino's own, such as TABLE_NOT_FOUND."""

    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name = name


class Result:
    """Rows as lists of JSON values, columns as (name, type), and statistics."""

    def __init__(self):
        self.columns, self.rows, self.stats, self.id = [], [], {}, None


class Trino:
    def __init__(self, url, catalog="awsdatacatalog", schema=None, session=None):
        self.url, self.catalog, self.schema, self.session = url, catalog, schema, session or {}

    def run(self, statement):
        headers = {
            "X-Trino-User": "engines",
            "X-Trino-Catalog": self.catalog,
            "X-Trino-Time-Zone": "UTC",
            # Without it, timestamps are cut to milliseconds.
            "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
        }
        if self.schema:
            headers["X-Trino-Schema"] = self.schema
        if self.session:
            headers["X-Trino-Session"] = ",".join(f"{k}={v}" for k, v in self.session.items())
        request = urllib.request.Request(self.url + "/v1/statement", statement.encode(), headers)
        result = Result()
        while request is not None:
            with urllib.request.urlopen(request, timeout=600) as response:
                answer = json.load(response)
            if "error" in answer:
                raise TrinoError(answer["error"]["errorName"], answer["error"]["message"])
            result.id = answer["id"]
            result.stats = answer["stats"]
            if answer.get("columns"):
                result.columns = [(c["name"], c["type"]) for c in answer["columns"]]
            result.rows.extend(answer.get("data", []))
            request = urllib.request.Request(answer["nextUri"], headers=headers) if "nextUri" in answer else None
        return result
