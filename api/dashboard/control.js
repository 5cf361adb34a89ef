// Halt, resume, flatten, sell, train: each says what it does and where, asks once, and shows what came of it.

import { ask } from "./ask.js";
import { by, fill, made } from "./dom.js";
import { money, shares, words } from "./format.js";

const ACTS = {
  halt: {
    title: "Halt trading?", text: () => "Nothing is sent from now on, not even inside a running step. Reads go on.", verb: "Halt now",
    send: () => ask("/halt", "POST", { reason: "halted from the dashboard" }), told: () => "Halted.",
  },
  resume: {
    title: "Resume trading?", verb: "Resume trading", choices: offered,
    text: ({ route }) => `Orders are sent again, to ${route}. Losses are measured from here on. Only what is ticked is taken over as the account has it.`,
    send: (taken) => ask("/resume", "POST", { take_over: taken }), told: resumed,
  },
  flatten: {
    title: "Sell everything?", verb: "Sell everything",
    text: ({ route, positions }) => `Open buys are cancelled and every position is sold: ${positions.length} now, worth ${money(positions.reduce((sum, { value }) => sum + Number(value), 0))}. The orders go to ${route}. Entries stay off until you resume.`,
    send: () => ask("/flatten", "POST"), told: flattened,
  },
};
const ASKED = "trading-asked", TELL_MS = 10_000;
let leaving = false;
let scene = { route: "nowhere yet", positions: [] }, done = () => {}, failed = () => {};

/** Bind the three buttons; `finished` is called after an act, `refused(error)` when it was refused. */
export function prepare(finished, refused) {
  done = finished;
  failed = refused;
  const left = sessionStorage.getItem(ASKED);
  if (left) outcome(`${left}: asked before this page was loaded anew. Orders and the log say what came of it.`);
  sessionStorage.removeItem(ASKED);
  addEventListener("beforeunload", () => { leaving = true; });
  by("confirm-no").onclick = () => by("confirm").close();
  for (const [name, act] of Object.entries(ACTS)) by(name).onclick = () => begin(act).catch(failed);
}

/** Ask about an act, with what may be chosen with it; where that cannot be asked, the question says so. */
async function begin(act) {
  let offered = {}, missing = "";
  try {
    offered = act.choices ? await act.choices() : {};
  } catch ({ message }) {
    missing = ` What could be taken over is not known (${message}), so nothing is.`;
  }
  confirm({ ...act, text: `${act.text(scene)}${missing}`, offered });
}

/** What a resume could take over from the account, in words, by name. */
async function offered() {
  return (await ask("/reconciliation")).resume_can_take_over;
}

/** Note where orders go and what is held, for the questions. */
export function note(found) {
  scene = { ...scene, ...found };
}

/** Ask whether one position is to be sold. */
export function sell({ ticker, quantity, value }) {
  confirm({
    title: `Sell ${ticker}?`, text: `All ${shares(quantity)} shares, worth about ${money(value)}, are sold at the market's price. The order goes to ${scene.route}.`,
    verb: `Sell ${ticker}`, send: () => ask("/sell", "POST", { symbol: ticker }), told: (answer) => sold(answer, ticker),
  });
}

/** Ask whether one open order is to be cancelled. */
export function cancel({ client_order_id, ticker, side, quantity, filled_quantity, route }) {
  confirm({
    title: `Cancel the ${side} of ${ticker}?`, verb: "Cancel the order",
    text: `${shares(quantity - filled_quantity)} of ${shares(quantity)} shares have not traded; they are taken back at ${route}. What has traded stays.`,
    send: () => ask(`/orders/${encodeURIComponent(client_order_id)}/cancel`, "POST"), told: ({ status, filled_quantity: traded, reason }) => `${side} ${ticker}: ${words(status)}, ${shares(traded)} traded${reason ? `, ${reason}` : ""}.`,
  });
}

/** Ask whether limits are to be changed; `lines` say how, one each. */
export function setLimits(changes, lines) {
  confirm({
    title: "Change these limits?", text: `${lines.join("; ")}. They go into config/risk.json and hold from the next step on. No order is sent now.`, verb: "Change them",
    send: () => ask("/risk", "POST", { changes, dry_run: false }), told: ({ changes: made, takes_effect }) => `${made.length} changed; it holds ${takes_effect}.`,
  });
}

/** Ask whether a job is to be run now. */
export function run(act) {
  confirm({ ...act, text: act.text(scene) });
}

/** Ask whether a new ranker is to be trained. */
export function retrain() {
  confirm({
    title: "Retrain the ranker?", text: "It is trained on 18 months in a process beside trading, for a minute or two, and put in use where its figures out of sample are not worse. No order is sent.", verb: "Retrain",
    send: () => ask("/quant/retrain?wait=false", "POST"), told: ({ job_id }) => `Training runs as ${job_id}.`,
  });
}

/** Ask whether a kept ranker is to be used again: the one named, or the one before the one in use. */
export function rollback(model = "") {
  confirm({
    title: model ? `Use ${model}?` : "Roll the ranker back?", verb: model ? "Use it" : "Roll back",
    text: `${model || "The version before the one in use"} decides from the next step on. Nothing is deleted; no order is sent now.`,
    send: () => ask("/quant/rollback", "POST", model ? { model_id: model } : {}), told: ({ model_id, replaced }) => `${model_id} is in use again, instead of ${replaced ?? "none"}.`,
  });
}

/** Ask whether the RL ensemble is to be trained. */
export function train() {
  confirm({
    title: "Train the RL ensemble?", text: "It runs beside trading and takes some minutes; Jobs shows how far it is. No order is sent.", verb: "Train",
    send: () => ask("/train?wait=false", "POST"), told: ({ job_id }) => `Training runs as ${job_id}.`,
  });
}

function confirm(act) {
  by("confirm-title").textContent = act.title;
  by("confirm-text").textContent = act.text;
  const boxes = Object.entries(act.offered ?? {}).map(([value, words_]) => [made("input", { type: "checkbox", value, id: `take-${value}` }), words_]);
  fill(by("confirm-choices"), ...boxes.map(([box, words_]) => made("p", {}, box, made("label", { for: box.id }, ` Take over: ${words_}`))));
  by("confirm-yes").textContent = act.verb;
  by("confirm-yes").onclick = () => perform(act, boxes.filter(([box]) => box.checked).map(([box]) => box.value));
  by("confirm").showModal();
  by("confirm-no").focus();
}

async function perform({ verb, send, told }, taken) {
  by("confirm").close();
  outcome(`${verb}: asked.`);
  sessionStorage.setItem(ASKED, verb);
  const began = Date.now();
  const waiting = setInterval(() => outcome(`${verb}: asked ${Math.round((Date.now() - began) / 1_000)} s ago, not answered yet.`), TELL_MS);
  try {
    const answer = await send(taken);
    outcome(await (async () => told(answer))().catch(({ message }) => `${verb}: done. What came of it could not be read (${message}): look at Orders and the log.`));
    done();
  } catch (error) {
    outcome("");
    failed(error);
  } finally {
    clearInterval(waiting);
    if (!leaving) sessionStorage.removeItem(ASKED); // what comes while the page is left is read by nobody
  }
}

function outcome(text) {
  by("outcome").textContent = text;
  by("outcome").hidden = !text;
}

function resumed({ taken_over: taken, offered: left }) {
  const said = (start, found) => (Object.keys(found).length ? ` ${start}: ${Object.values(found).join("; ")}.` : "");
  return `Resumed.${said("Taken over", taken)}${said("Not taken over, because it was not ticked", left)}`;
}

function flattened({ flatten: { left } }) {
  if (!left.length) return "Everything is sold. Entries stay off until you resume.";
  return `Selling; left: ${left.map(({ ticker, quantity, reason }) => `${ticker} ${shares(quantity)} (${reason})`).join(", ")}`;
}

/** What became of the sale's order, from the ledger. */
async function sold({ decision_id, refused }, ticker) {
  const stopped = refused.find((one) => one.ticker === ticker);
  if (stopped) return `${ticker} was not sold: ${words(stopped.rule)}, observed ${stopped.observed}, limit ${stopped.limit}.`;
  const { orders } = await ask("/orders?limit=50");
  const order = orders.find((one) => one.decision_id === decision_id && one.ticker === ticker);
  if (!order) return `No order was made for ${ticker}; Orders and the log say why.`;
  return `Sell ${shares(order.quantity)} ${ticker}: ${words(order.status)}, ${shares(order.filled_quantity)} sold so far${order.reason ? `, ${order.reason}` : ""}. It went to ${order.route}.`;
}

export function showState(state, reason) {
  by("state").textContent = state ?? "starting";
  by("state").className = `badge ${state === "active" ? "good" : state ? "bad" : "quiet"}`;
  by("state").title = reason ?? "";
  by("halt").disabled = state === "halted";
  by("resume").disabled = state === "active";
}
