/** The four jobs as the gateway's scheduler has them: declared under fixed ids, switched off until a person says on. */

import { fileURLToPath } from "node:url";
import { PLUGIN_ID } from "./settings.js";

export const ZONE = "America/New_York";
const RUNNER = fileURLToPath(new URL("./run_job.js", import.meta.url));

/** Hours and days as the runbook has them; the runner asks the engine whether the exchange is open. */
export const JOBS = Object.freeze([
  { id: "cron_decide", expr: "*/15 9-16 * * 1-5", timeoutSeconds: 600, description: "Decide and execute while the exchange is open" },
  { id: "cron_risk_check", expr: "*/5 9-16 * * 1-5", timeoutSeconds: 240, description: "Hold positions against their stops and targets" },
  { id: "cron_regime", expr: "0 9 * * *", timeoutSeconds: 240, description: "Take the regime's filter forward" },
  { id: "cron_weekly_retrain", expr: "0 2 * * 0", timeoutSeconds: 7200, description: "Retrain the ranker, then the RL ensemble" },
]);

/** Declare the jobs; what an operator switched on or off stays so. */
export async function declareJobs(cron, settings) {
  const known = await knownJobs(cron);
  for (const job of JOBS) {
    const declared = declaration(job, settings);
    await cron.add(known.has(job.id) ? declared : { ...declared, id: job.id });
  }
}

/** Tell of each job whether it is there and switched on. */
export async function jobStates(cron) {
  const known = await knownJobs(cron);
  return JOBS.map(({ id, expr }) => ({ id, expr, zone: ZONE, declared: known.has(id), enabled: known.get(id)?.enabled === true }));
}

export async function switchJobs(cron, enabled) {
  const known = await knownJobs(cron);
  for (const { id } of JOBS) if (known.has(id)) await cron.update(id, { enabled });
}

export async function removeJobs(cron) {
  const known = await knownJobs(cron);
  for (const { id } of JOBS) if (known.has(id)) await cron.remove(id);
}

async function knownJobs(cron) {
  const listed = await cron.list({ includeDisabled: true });
  const jobs = Array.isArray(listed) ? listed : (listed?.jobs ?? []);
  return new Map(jobs.map((job) => [job.id, job]));
}

function declaration({ id, expr, timeoutSeconds, description }, settings) {
  return {
    declarationKey: `${PLUGIN_ID}:${id}`,
    name: id,
    description,
    enabled: false,
    schedule: { kind: "cron", expr, tz: ZONE, staggerMs: 0 },
    sessionTarget: "isolated",
    wakeMode: "next-heartbeat",
    payload: {
      kind: "command",
      argv: [process.execPath, RUNNER, id],
      env: { TRADING_ENGINE_URL: settings.baseUrl, TRADING_ENGINE_TOKEN_FILE: settings.tokenFile },
      timeoutSeconds,
    },
    delivery: { mode: "none" },
  };
}
