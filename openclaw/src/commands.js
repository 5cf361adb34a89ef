/** Chat commands: short text for a phone; orders only for the operator, and only at a second word. */

import { EngineProblem } from "./client.js";
import * as engine from "./engine_calls.js";
import * as texts from "./texts.js";

const ADMIN = "operator.admin";

/**
 * @param {{ client: () => import("./client.js").EngineClient, confirmations: import("./confirmations.js").Confirmations }} parts
 */
export function createCommands({ client, confirmations }) {
  return [
    command("trade-status", "How the trading engine, its book and its models are", {}, async () => {
      const [status, book] = await Promise.all([client().get("/status"), bookOf(client())]);
      return texts.status(status, book);
    }),
    command("trade-scan", "Scan the sectors and decide; sends nothing", writes(), async () => {
      const scan = await client().post("/scan");
      return texts.scan(scan, await client().post("/decide/v3"));
    }),
    command("trade-execute", "Send the last decision's orders (or ID); asks once more", { acceptsArgs: true, requiredScopes: [ADMIN] }, (ctx) =>
      execute(ctx, client(), confirmations)),
    command("trade-backtest", "Start a backtest: [pipeline|quant_v8] [FIRST-DAY] [LAST-DAY], or a job's id", { acceptsArgs: true, ...writes() }, (ctx) =>
      backtest(words(ctx.args), client())),
    command("trade-train", "Retrain: [quant|rl], or a job's id", { acceptsArgs: true, ...writes() }, (ctx) =>
      train(words(ctx.args), client())),
  ];
}

async function execute(ctx, client, confirmations) {
  if (!mayTrade(ctx)) return { text: "Only the operator may send orders.", isError: true };
  const [first, second] = words(ctx.args);
  const who = [ctx.channel, ctx.senderId, ctx.sessionKey].map((part) => part ?? "").join("|");
  if (first === "confirm") {
    const id = confirmations.take(who, second);
    if (id === null) return { text: "That code is wrong, used or too old. /trade-execute gives a new one.", isError: true };
    return texts.executed(await engine.send(client, id));
  }
  const planned = await engine.preview(client, first);
  if (planned.orders.length === 0) return texts.nothingToSend(planned);
  return texts.confirm(planned, confirmations.ask(who, planned.decision_id));
}

async function backtest(given, client) {
  if (isJob(given[0])) return texts.job(await engine.job(client, given[0]));
  const strategy = given.find((word) => /^[a-z]/.test(word)) ?? "pipeline";
  const [start, end] = given.filter((word) => /^\d/.test(word));
  const asked = { strategy, ...(start ? { start } : {}), ...(end ? { end } : {}) };
  return texts.begun(await engine.begin(client, "/backtest", asked), "/trade-backtest");
}

async function train(given, client) {
  if (isJob(given[0])) return texts.job(await engine.job(client, given[0]));
  const [model = "quant"] = given;
  const path = { quant: "/quant/retrain", rl: "/train" }[model];
  if (!path) return { text: `There is no model ${model}: /trade-train quant, or /trade-train rl.`, isError: true };
  return texts.begun(await engine.begin(client, path, {}), "/trade-train");
}

/** A gateway client needs the admin scope; on a chat channel the sender must own the gateway. */
function mayTrade(ctx) {
  if (ctx.isAuthorizedSender === false) return false;
  return ctx.senderIsOwner === true || (ctx.gatewayClientScopes ?? []).includes(ADMIN);
}

async function bookOf(client) {
  try {
    return await client.get("/positions");
  } catch (error) {
    if (error instanceof EngineProblem && error.status === 503) return null; // the engine is starting: the status says so
    throw error;
  }
}

function command(name, description, more, answer) {
  return {
    name,
    description,
    nativeNames: { default: name.replaceAll("-", "_") }, // Telegram's menu takes no hyphen
    requireAuth: true,
    ...more,
    async handler(ctx) {
      try {
        const said = await answer(ctx);
        return typeof said === "string" ? { text: said } : said;
      } catch (error) {
        if (!(error instanceof EngineProblem)) throw error;
        return { text: error.text, isError: true };
      }
    },
  };
}

function writes() {
  return { requiredScopes: ["operator.write"] };
}

function words(args) {
  return (args ?? "").trim().split(/\s+/).filter(Boolean);
}

function isJob(word) {
  return word !== undefined && /^[a-z_]+-\d+-/.test(word);
}
