/**
 * `npm run check`: seconds, offline. `node test/check.ts spec layers` runs only those named.
 */
import { CHECKS, type CheckName, isCheckName, runChecks } from './support/checks.ts';

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !isCheckName(name));
if (unknown.length > 0) {
  console.error(`unknown check: ${unknown.join(', ')} (there are ${Object.keys(CHECKS).join(', ')})`);
  process.exitCode = 2;
} else {
  const names = asked.length > 0 ? asked.filter(isCheckName) : (Object.keys(CHECKS) as CheckName[]);
  process.exitCode = (await runChecks(names)) ? 0 : 1;
}
