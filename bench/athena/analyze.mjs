// Has PostgreSQL (PGlite) analyse views and queries: not Trino, but as strict as
// it about names, types and grouping, where DuckDB forgives. What only Trino has
// is declared, or renamed.
// usage: node analyze.mjs DDL_DIR QUERY_DIR   of the athena dialect
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";

const [ddl, queries] = process.argv.slice(2);
const types = { string: "varchar", bigint: "bigint", int: "integer", boolean: "boolean", timestamp: "timestamp" };

// Tables as Hive declares them, as PostgreSQL does.
function table(sql) {
  const name = sql.match(/TABLE IF NOT EXISTS `(\w+)`\.`(\w+)`/);
  const columns = [...sql.matchAll(/^ {2}`(\w+)` (\S+) COMMENT/gm)].map(([, c, t]) => `"${c}" ${types[t] ?? "jsonb"}`);
  return `CREATE TABLE "${name[1]}"."${name[2]}" (${columns.join(", ")})`;
}

function translated(sql) {
  return sql
    .replaceAll("TRY_CAST(", "CAST(")
    .replaceAll("AS double)", "AS double precision)")
    .replace(/(\d)e0\b/g, "$1::double precision");
}

const stubs = `
CREATE FUNCTION regexp_extract(varchar, varchar) RETURNS varchar LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION regexp_extract(varchar, varchar, integer) RETURNS varchar LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION array_join(varchar[], varchar) RETURNS varchar LANGUAGE sql AS 'SELECT $2';
CREATE FUNCTION date_format(timestamp, varchar) RETURNS varchar LANGUAGE sql AS 'SELECT $2';
CREATE FUNCTION round(double precision, integer) RETURNS double precision LANGUAGE sql AS 'SELECT $1';`;

const db = new PGlite();
await db.exec(stubs);
let failed = 0;
let analyzed = 0;
async function run(name, sql) {
  try {
    await db.exec(sql);
    analyzed++;
  } catch (e) {
    failed++;
    console.error(`${name}: ${e.message}`);
  }
}
for (const file of readdirSync(ddl).sort()) {
  const sql = readFileSync(join(ddl, file), "utf8");
  const database = sql.match(/^CREATE DATABASE IF NOT EXISTS `(\w+)`/);
  if (database) await run(file, `CREATE SCHEMA "${database[1]}"`);
  else if (sql.startsWith("CREATE EXTERNAL TABLE")) await run(file, table(sql));
  else if (!sql.startsWith("ALTER TABLE")) await run(file, translated(sql));
}
for (const file of readdirSync(queries).sort()) {
  // An aliased column in WHERE, GROUP BY or another column is an error in Trino.
  await run(file, translated(readFileSync(join(queries, file), "utf8")));
}
// It must be able to say no.
for (const sql of [
  "SELECT bucket_name AS b FROM macie.results WHERE b = 'x'",
  "SELECT bucket_name AS b, b || 'x' FROM macie.results",
  "SELECT bucket_name, count(*) FROM macie.results GROUP BY region",
  "SELECT 1 FROM macie.results WHERE object_size = region",
]) {
  const before = failed;
  const silent = console.error;
  console.error = () => {};
  await run("", sql);
  console.error = silent;
  if (failed === before) console.error(`PostgreSQL takes ${sql}`);
  failed = failed === before ? failed + 1 : before;
}
console.log(`${analyzed} statements analysed by PostgreSQL, ${failed} complaints`);
process.exit(failed || analyzed === 0 ? 1 : 0);
