/** Gateway methods: the status, and the jobs' switch. */

import { EngineProblem } from "./client.js";
import { ownSchedulerOn } from "./engine_calls.js";
import { jobStates, removeJobs, switchJobs } from "./jobs.js";
import { shared } from "./shared.js";
import { summariseStatus } from "./summaries.js";

const OWN_SCHEDULER = "The engine's own scheduler (ENABLE_CRON) runs the jobs";

/**
 * @param {() => import("./client.js").EngineClient} client
 * @returns {Array<{ name: string, scope: string, answer(params: object): Promise<object> }>}
 */
export function createMethods(client) {
  return [
    { name: "trade.status", scope: "operator.read", answer: () => status(client()) },
    { name: "trade.cron.status", scope: "operator.read", answer: async () => ({ jobs: await jobStates(cron()) }) },
    { name: "trade.cron.set", scope: "operator.admin", answer: (params) => setJobs(client(), params) },
    { name: "trade.cron.remove", scope: "operator.admin", answer: () => remove() },
  ];
}

/** Wrap a method for the gateway: a refusal is an answer, not an exception. */
export function handler(answer) {
  return async ({ params, respond }) => {
    try {
      respond(true, await answer(params ?? {}));
    } catch (error) {
      if (!(error instanceof EngineProblem)) throw error;
      respond(false, undefined, { code: "UNAVAILABLE", message: error.text });
    }
  };
}

async function status(client) {
  const { engine } = shared();
  const facts = { url: client.baseUrl, managed: engine.managed, pid: engine.pid, failure: engine.failure };
  try {
    return { up: engine.up, ...facts, status: summariseStatus(await client.get("/status")) };
  } catch (error) {
    if (!(error instanceof EngineProblem)) throw error;
    return { up: false, ...facts, failure: engine.failure || error.text };
  }
}

async function setJobs(client, { enabled }) {
  if (typeof enabled !== "boolean") throw new EngineProblem("trade.cron.set needs enabled: true or false.");
  if (enabled) await requireOurs(client);
  await switchJobs(cron(), enabled);
  return { jobs: await jobStates(cron()) };
}

/** One owner only. An engine that is away cannot say, so nothing is switched on: it would rather do nothing. */
async function requireOurs(client) {
  if (ownSchedulerOn(await client.get("/status"))) {
    throw new EngineProblem(`${OWN_SCHEDULER}, and both must never run one.`, {
      hint: "Start the engine without ENABLE_CRON first.",
    });
  }
}

async function remove() {
  await removeJobs(cron());
  return { jobs: await jobStates(cron()) };
}

function cron() {
  const handle = shared().cron;
  if (!handle) throw new EngineProblem("The gateway's scheduler is not there.", { hint: "Is cron.enabled false?" });
  return handle;
}
