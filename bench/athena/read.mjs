// Reads every Parquet file of a dataset with two readers, hyparquet (JavaScript)
// and parquet-wasm (Rust's arrow and parquet), and compares all values. Then the
// rows of each table with what the table of runs says.
// usage: node read.mjs DATASET...
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parquetReadObjects, parquetMetadata } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { readParquet } from "parquet-wasm/node";
import { tableFromIPC } from "apache-arrow";

let failed = 0;
function complain(name, what) {
  if (failed++ < 20) console.error(`${name}: ${what}`);
}

function files(dir) {
  return readdirSync(dir, { recursive: true }).filter((f) => f.endsWith(".parquet")).sort();
}

// One form for a value, whichever reader it comes from: maps as sorted entries,
// times as milliseconds.
function form(value) {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return `t${value.getTime()}`;
  if (typeof value === "bigint") return `i${value}`;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return `i${value}`;
  let entries;
  if (Array.isArray(value)) entries = value.map((e) => [e.key, e.value ?? null]);
  else if (typeof value.toJSON === "function") entries = Object.entries(value.toJSON());
  else entries = Object.entries(value);
  return JSON.stringify(entries.map(([k, v]) => [String(k), v ?? null]).sort((a, b) => (a[0] < b[0] ? -1 : 1)));
}

async function compareFile(name, bytes) {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const rows = await parquetReadObjects({ file: buffer, compressors });
  const table = tableFromIPC(readParquet(new Uint8Array(bytes)).intoIPCStream());
  if (table.numRows !== rows.length) complain(name, `${rows.length} rows and ${table.numRows}`);
  for (const field of table.schema.fields) {
    const column = table.getChild(field.name);
    const isTime = String(field.type).startsWith("Timestamp");
    for (let i = 0; i < rows.length; i++) {
      const a = form(rows[i][field.name]);
      let b = column.get(i);
      b = isTime && b !== null ? `t${Number(b)}` : form(b);
      if (a !== b) {
        complain(name, `row ${i}, column ${field.name} differs`);
        break;
      }
    }
  }
  return rows;
}

let count = 0;
for (const dataset of process.argv.slice(2)) {
  const seen = {};
  let runs = [];
  for (const table of readdirSync(dataset).sort()) {
    if (table.startsWith("_")) continue;
    seen[table] = 0;
    for (const file of files(join(dataset, table))) {
      const name = join(dataset, table, file);
      const bytes = readFileSync(name);
      const rows = await compareFile(name, bytes);
      if (Number(parquetMetadata(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)).num_rows) !== rows.length) {
        complain(name, "the footer counts other rows");
      }
      seen[table] += rows.length;
      if (table === "runs") runs = runs.concat(rows);
      count++;
    }
  }
  for (const table of ["results", "detections", "occurrences"]) {
    const want = runs.reduce((n, run) => n + Number(run[`${table}_rows`]), 0);
    if ((seen[table] ?? 0) !== want) complain(dataset, `${table} has ${seen[table]} rows, the runs wrote ${want}`);
  }
}
if (count === 0) complain("files", "none were found");
console.log(`${count} files read by hyparquet and by parquet-wasm, ${failed} complaints`);
process.exit(failed ? 1 : 0);
