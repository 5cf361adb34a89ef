// Why something is held: the decision whose order entered it.

import { ask } from "./ask.js";
import { made } from "./dom.js";
import { open } from "./why.js";

const ORDERS_MAX = 500;

/** Open the decision of the newest buy that was made before the shares came in. */
export async function whyEntered(ticker, entryAt) {
  const { orders } = await ask(`/orders?limit=${ORDERS_MAX}`);
  const bought = orders.find((order) => order.ticker === ticker && order.side === "buy" && Date.parse(order.created_at) <= Date.parse(entryAt));
  if (!bought) throw new Error(`The decision that entered ${ticker} is not among the newest ${ORDERS_MAX} orders; the ledger has it.`);
  await whyDecided(bought.decision_id, ticker);
}

/** Open what a decision said of a ticker. */
export async function whyDecided(decisionId, ticker) {
  const decision = await ask(`/decisions/${encodeURIComponent(decisionId)}`);
  if (!decision.decisions.some((one) => one.ticker === ticker)) throw new Error(`Decision ${decisionId} has no votes on ${ticker}: ${decision.cycle.replaceAll("_", " ")} sent it.`);
  open(decision, ticker);
}

/** Make a button that asks why; `failed(error)` is called when there is no answer. */
export function whyButton(label, asking, failed, text = "why") {
  return made("button", { class: "small", "aria-label": label, onclick: () => asking().catch(failed) }, text);
}
