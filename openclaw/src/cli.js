/** `openclaw trade ...`: the status straight from the engine, the jobs' switch through the running gateway. */

import { EngineProblem } from "./client.js";
import * as texts from "./texts.js";

const GATEWAY = "openclaw/plugin-sdk/gateway-runtime"; // there at run time only, so not a dependency
export const DESCRIPTORS = [
  { name: "trade", description: "Ask the trading engine, and switch its jobs", hasSubcommands: true },
];

/**
 * @param {{ client: () => import("./client.js").EngineClient, print?: (text: string) => void,
 *           callGateway?: (method: string, params: object) => Promise<object> }} parts
 */
export function createCli({ client, print = console.log, callGateway = callRunningGateway }) {
  const act = (answer) => async () => {
    try {
      print(await answer());
    } catch (error) {
      print(error instanceof EngineProblem ? error.text : error.message);
      process.exitCode = 1;
    }
  };
  const jobs = (method, params) => act(async () => jobLines((await callGateway(method, params)).jobs));
  return ({ program }) => {
    const trade = program.command("trade").description(DESCRIPTORS[0].description);
    trade.command("status").description("How the engine, its book and its models are").action(act(() => statusText(client())));
    const cron = trade.command("cron").description("The four jobs in the gateway's scheduler");
    cron.command("status").description("Which jobs are on").action(jobs("trade.cron.status", {}));
    cron.command("enable").description("Switch all four on").action(jobs("trade.cron.set", { enabled: true }));
    cron.command("disable").description("Switch all four off").action(jobs("trade.cron.set", { enabled: false }));
    cron.command("remove").description("Take the jobs away, before the plugin is uninstalled").action(jobs("trade.cron.remove", {}));
  };
}

async function statusText(client) {
  return texts.status(await client.get("/status"), await client.get("/positions"));
}

function jobLines(jobs) {
  return jobs.map(({ id, enabled, declared, expr, zone }) => {
    const state = declared ? (enabled ? "on" : "off") : "not declared";
    return `${id.padEnd(20)} ${state.padEnd(12)} ${expr} ${zone}`;
  }).join("\n");
}

async function callRunningGateway(method, params) {
  const { callGatewayFromCli } = await import(GATEWAY);
  return callGatewayFromCli(method, { json: true }, params, { progress: false });
}
