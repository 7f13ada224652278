// Parses statements with the grammars of what Athena runs: Hive's for databases,
// tables and partitions, Trino's for views and queries.
// usage: node parse.mjs DIR|FILE.md...   every .sql file in a directory, a
// statement each, and every sql block of a document
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HiveSQL, TrinoSQL } from "dt-sql-parser";

// Athena's limit on a statement, in bytes.
const maxStatement = 262144;

const hive = new HiveSQL();
const trino = new TrinoSQL();
let failed = 0;
const parsed = { hive: 0, trino: 0 };

function complain(name, what) {
  failed++;
  console.error(`${name}: ${what}`);
}

function check(name, sql) {
  if (Buffer.byteLength(sql) > maxStatement) complain(name, "is longer than Athena takes");
  const isDDL = /^(CREATE (DATABASE|EXTERNAL TABLE)|ALTER TABLE)\b/.test(sql);
  const parser = isDDL ? hive : trino;
  for (const e of parser.validate(sql)) {
    complain(name, `line ${e.startLine}, column ${e.startColumn}: ${e.message}`);
  }
  const statements = parser.splitSQLByStatement(sql);
  if (!statements || statements.length !== 1) complain(name, "isn't one statement");
  parsed[isDDL ? "hive" : "trino"]++;
}

for (const arg of process.argv.slice(2)) {
  if (arg.endsWith(".md")) {
    for (const [, sql] of readFileSync(arg, "utf8").matchAll(/^```sql\n(.*?)^```/gms)) check(arg, sql);
    continue;
  }
  for (const file of readdirSync(arg).sort()) {
    const name = join(arg, file);
    if (file.endsWith(".sql")) check(name, readFileSync(name, "utf8"));
  }
}

// The grammars must be able to say no.
for (const [parser, sql] of [
  [hive, "CREATE EXTERNAL TABLE t (a string COMMENT 'it's') STORED AS PARQUET"],
  [hive, "ALTER TABLE t ADD IF NOT EXISTS PARTITION (a = 'b' LOCATION 's3://x/'"],
  [trino, "SELECT a FROM t WHERE b IS NOT DISTINCT c"],
  [trino, "SELECT first_value(a) OVER (PARTITION b) FROM t"],
]) {
  if (parser.validate(sql).length === 0) complain("the grammar", `takes ${sql}`);
}

if (parsed.hive === 0 || parsed.trino === 0) complain("statements", "none were found");
console.log(`${parsed.hive} statements parsed as Hive, ${parsed.trino} as Trino, ${failed} complaints`);
process.exit(failed ? 1 : 0);
