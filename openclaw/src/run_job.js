/** One run of one job, as the gateway's scheduler starts it: `node run_job.js cron_decide`. */

import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { EngineClient, EngineProblem } from "./client.js";
import { begin, job, ownSchedulerOn } from "./engine_calls.js";
import { readToken } from "./token.js";

const POLL_MS = 2_000;
const NOON = 12;

/** What each job asks of the engine; gives the line that the scheduler keeps. */
export const RUNS = {
  async cron_decide(client, { now }) {
    const open = (await client.get("/regime")).market_open === true;
    if (!open && !beforeTheOpen(now())) return "skipped: the exchange is closed";
    const decided = await client.post("/decide/v3", { execute: open });
    const sent = open ? `${decided.orders.length} orders sent` : "nothing sent before the open";
    return `decided ${decided.decision_id}: ${sent}, ${decided.refused.length} refused`;
  },
  async cron_risk_check(client) {
    const open = (await client.get("/regime")).market_open === true;
    if (!open) return "skipped: the exchange is closed";
    const checked = await client.post("/risk/check");
    return `checked ${checked.decision_id}: ${checked.orders.length} orders sent`;
  },
  async cron_regime(client) {
    const { regime, confidence, as_of } = await client.get("/regime");
    return `regime ${regime} (${confidence.toFixed(3)}) as of ${as_of}`;
  },
  async cron_weekly_retrain(client, { pollMs }) {
    const quant = await trained(client, "/quant/retrain", pollMs);
    const ensemble = await trained(client, "/train", pollMs);
    return `retrained: ${quant.job_id}, ${ensemble.job_id}`;
  },
};

/**
 * Run a job unless the engine is away or runs its jobs itself: both never run one.
 *
 * @returns {Promise<{ code: number, text: string }>} a refusal of the engine is a failed run, its absence a skipped one
 */
export async function runJob(name, client, { now = () => new Date(), pollMs = POLL_MS } = {}) {
  const run = Object.hasOwn(RUNS, name) ? RUNS[name] : null;
  if (!run) return { code: 2, text: `There is no job ${name}: ${Object.keys(RUNS).join(", ")}.` };
  try {
    if ((await client.identify()).state === "absent") return { code: 0, text: `skipped: no engine answers at ${client.baseUrl}` };
    if (ownSchedulerOn(await client.get("/status"))) {
      return { code: 0, text: `skipped: the engine's own scheduler (ENABLE_CRON) runs ${name}` };
    }
    return { code: 0, text: await run(client, { now, pollMs }) };
  } catch (error) {
    if (!(error instanceof EngineProblem)) throw error;
    return { code: 1, text: error.text };
  }
}

async function trained(client, path, pollMs) {
  let state = await begin(client, path, {});
  while (state.status === "running") {
    await sleep(pollMs);
    state = await job(client, state.job_id);
  }
  if (state.status !== "done") throw new EngineProblem(`${path} failed: ${state.error.split("\n").at(-1)}`);
  return state;
}

function beforeTheOpen(at) {
  const parts = new Intl.DateTimeFormat("en-US", { timeZone: "America/New_York", weekday: "short", hour: "2-digit", hourCycle: "h23" });
  const { weekday, hour } = Object.fromEntries(parts.formatToParts(at).map(({ type, value }) => [type, value]));
  return !["Sat", "Sun"].includes(weekday) && Number(hour) < NOON;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { TRADING_ENGINE_URL: baseUrl, TRADING_ENGINE_TOKEN_FILE: tokenFile } = process.env;
  const { code, text } = await runJob(process.argv[2] ?? "", new EngineClient({ baseUrl, token: () => readToken(tokenFile) }));
  console.log(text);
  process.exitCode = code;
}
