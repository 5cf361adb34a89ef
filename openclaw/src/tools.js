/** The agents' tools: thin calls of the engine, whose limits hold whoever asks. */

import { EngineProblem } from "./client.js";
import * as engine from "./engine_calls.js";
import * as words from "./summaries.js";

const TICKER = { type: "string", pattern: "^[A-Za-z.]{1,8}$", description: "A stock of the universe, such as NVDA." };
const TICKERS = { type: "array", items: TICKER, minItems: 1, maxItems: 500, description: "Only these; default: the whole watchlist." };
const DECISION_ID = { type: "string", pattern: "^[0-9A-Za-z_.-]{1,128}$", description: "Default: the last decision." };
const JOB_ID = { type: "string", pattern: "^[0-9A-Za-z_.-]{1,128}$", description: "Follow this job instead of starting one." };
const DAY = { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}$" };
const RANKED_MAX = 15;

/**
 * @param {() => import("./client.js").EngineClient} client
 * @param {import("./confirmations.js").Approvals} approvals
 */
export function createTools(client, approvals) {
  return [
    tool("trade_status", "Trading engine: state, book, models, feed, jobs, what is degraded.", {}, async () =>
      words.summariseStatus(await client().get("/status"))),
    tool("trade_regime", "Market regime (low_vol or high_vol), its probabilities and the exposure it allows.", {}, () =>
      client().get("/regime")),
    tool("trade_scan", "The 14 sectors ranked by momentum against SPY, with picks for the top ones.", {}, async () =>
      words.summariseScan(await client().post("/scan"))),
    tool("trade_quant_rank", "Stocks ranked by their probability to outperform, with what pushed each up or down.", {
      limit: { type: "integer", minimum: 1, maximum: 64, description: `How many, best first; default ${RANKED_MAX}.` },
    }, async ({ limit = RANKED_MAX }) => words.summariseRanking(await client().post("/quant/rank"), limit)),
    tool("trade_decide", "Run the whole pipeline and record a decision. Sends no order: trade_execute does.", {
      tickers: TICKERS,
      as_of: { ...DAY, description: "What it would have decided at the end of this past day; such a decision cannot be executed." },
    }, async ({ tickers, as_of }) => words.summariseDecision(await client().post("/decide/v3", defined({ tickers, as_of })))),
    tool("trade_why", "Why a ticker was decided as it was: every vote with its weight, refusals with limit and observed value.", {
      ticker: TICKER,
      decision_id: DECISION_ID,
    }, async ({ ticker, decision_id }) =>
      words.explainTicker(await engine.decision(client(), decision_id), ticker.toUpperCase()), ["ticker"]),
    tool("trade_positions", "Cash, equity, positions with profit, orders not yet filled.", {}, () => client().get("/positions")),
    tool("trade_backtest", "Start a backtest (minutes) and give its job; with job_id, follow it.", {
      strategy: { type: "string", enum: ["pipeline", "quant_v8"] },
      start: { ...DAY, description: "First session." },
      end: { ...DAY, description: "Last session." },
      profile: { type: "string", pattern: "^[0-9A-Za-z_-]{1,64}$", description: "Default: the engine's own; it names those there are when one is not." },
      job_id: JOB_ID,
    }, async ({ job_id, ...asked }) => words.summariseJob(await started(client(), "/backtest", job_id, asked))),
    tool("trade_train", "Retrain the ranker (quant) or the RL ensemble (rl) and give the job; with job_id, follow it.", {
      model: { type: "string", enum: ["quant", "rl"], description: "Default: quant." },
      job_id: JOB_ID,
    }, async ({ model = "quant", job_id }) =>
      words.summariseJob(await started(client(), model === "rl" ? "/train" : "/quant/retrain", job_id, {}))),
    tool("trade_execute", "Say what a decision's orders are; with dry_run false, send them: a person approves each call first.", {
      decision_id: { ...DECISION_ID, description: "Required to send; default for a dry run: the last decision." },
      dry_run: { type: "boolean", description: "Default true: only say what would be sent." },
    }, (asked) => execute(client(), approvals, asked), [], { optional: true, executionMode: "sequential" }),
  ];
}

async function execute(client, approvals, { decision_id, dry_run = true }) {
  if (dry_run !== false) return engine.preview(client, decision_id);
  if (!decision_id) {
    throw new EngineProblem("Sending orders needs the decision's id.", { hint: "trade_decide gives one." });
  }
  if (!approvals.use(decision_id)) {
    throw new EngineProblem("Nobody has approved sending this decision, so nothing is sent.", { hint: "The operator can: /trade-execute." });
  }
  return engine.send(client, decision_id);
}

function started(client, path, jobId, asked) {
  return jobId ? engine.job(client, jobId) : engine.begin(client, path, defined(asked));
}

function tool(name, description, properties, answer, required = [], more = {}) {
  return {
    name,
    label: name.replaceAll("_", " "),
    description,
    parameters: { type: "object", additionalProperties: false, properties, required },
    ...more,
    async execute(_callId, parameters) {
      try {
        const text = JSON.stringify(await answer(parameters ?? {}));
        return { content: [{ type: "text", text }], details: JSON.parse(text) };
      } catch (error) {
        throw error instanceof EngineProblem ? new Error(error.text) : error;
      }
    },
  };
}

function defined(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
