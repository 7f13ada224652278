// Stands in for `clickhouse local` where no ClickHouse is installed: the same
// engine in a Node process, from the npm package chdb (scripts/clickhouse).
//
//	node clickhouse.js local --version
//	node clickhouse.js local --query SQL

const { query } = require('chdb');

const [command, flag, sql] = process.argv.slice(2);
if (command === 'local' && flag === '--version') {
	const version = query('SELECT version()', 'TSVRaw').trim();
	console.log(`ClickHouse local version ${version}, in Node as chdb ${require('chdb/package.json').version}`);
} else if (command === 'local' && flag === '--query' && sql) {
	process.stdout.write(query(sql, 'TSVRaw'));
} else {
	console.error('usage: clickhouse local --version | --query SQL');
	process.exit(2);
}
