// Drives the example integration on Zapier's own runtime: what to do comes on standard input, what
// came of it goes to standard output, each as JSON.
const path = require('node:path');
const { readFileSync } = require('node:fs');

const [folder] = process.argv.slice(2);
const core = require(path.join(folder, 'node_modules', 'zapier-platform-core'));
const App = require(folder);
const run = core.createAppTester(App);

const find = (where) => where.split('.').reduce((at, name) => at[name], App);

(async () => {
  const results = [];
  for (const [where, bundle] of JSON.parse(readFileSync(0, 'utf8'))) {
    try {
      results.push({ result: await run(find(where), bundle) });
    } catch (error) {
      results.push({ error: error.message, name: error.name });
    }
  }
  // The runtime says things of its own; the last line is ours.
  process.stdout.write('\n' + JSON.stringify(results));
})();
