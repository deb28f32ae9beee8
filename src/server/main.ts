/** The server alone, configured by its environment: what App Engine and the image start. */
import { serve } from './compose.ts';
import { parseConfig } from './config.ts';
import { createLog } from './log.ts';

const log = createLog('info');
const outcome = parseConfig(process.env);
if (outcome.ok) {
  for (const warning of outcome.warnings) log.warn({}, warning);
  try {
    process.exit(await serve(outcome.config));
  } catch (error) {
    log.error({ error }, 'the server could not start');
    process.exit(1);
  }
} else {
  for (const problem of outcome.problems) log.error({}, problem);
  process.exit(1);
}
