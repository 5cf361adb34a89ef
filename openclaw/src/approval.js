/** An agent's order waits for a person, who is told what would be sent and where. */

import { EngineProblem } from "./client.js";
import * as engine from "./engine_calls.js";

const ALLOW = "allow-once";
const TITLE = "Send orders to the broker";
const DESCRIPTION_CHARACTERS_MAX = 500; // the gateway cuts at 512
const APPROVAL_TIMEOUT_MS = 120_000;
const SHOWN_MAX = 8;

/**
 * Make the hook that runs before each tool call. What is allowed is noted for the tool, which sends nothing else: where
 * a host runs tools without asking its hooks, nothing is sent.
 *
 * @param {() => import("./client.js").EngineClient} client
 * @param {import("./confirmations.js").Approvals} approvals
 */
export function beforeToolCall(client, approvals) {
  return async ({ toolName, params }) => {
    const dryRun = params?.dry_run ?? true;
    if (toolName !== "trade_execute" || dryRun === true) return undefined;
    const id = params.decision_id;
    if (typeof id !== "string" || id === "") {
      return { block: true, blockReason: "Sending orders needs the decision's id, so that what was approved is what is sent." };
    }
    try {
      const planned = await engine.preview(client(), id);
      if (planned.orders.length === 0) return { block: true, blockReason: `Decision ${id} has no order to send.` };
      return { requireApproval: approval(planned, () => approvals.allow(id)) };
    } catch (error) {
      const reason = error instanceof EngineProblem ? error.text : error.message;
      return { block: true, blockReason: `Nothing can be sent: ${reason}` };
    }
  };
}

function approval(execution, allow) {
  return {
    title: TITLE,
    description: describe(execution).slice(0, DESCRIPTION_CHARACTERS_MAX),
    severity: "critical",
    allowedDecisions: [ALLOW, "deny"],
    timeoutMs: APPROVAL_TIMEOUT_MS,
    onResolution: (decision) => {
      if (decision === ALLOW) allow();
    },
  };
}

function describe({ decision_id, route, orders, data }) {
  const shown = orders.slice(0, SHOWN_MAX).map(({ side, quantity, ticker, reference_price }) =>
    `${side} ${quantity} ${ticker} at about $${Number(reference_price).toFixed(2)}`);
  const more = orders.length > SHOWN_MAX ? ` and ${orders.length - SHOWN_MAX} more` : "";
  return `To ${route}, on ${data.source} data, decision ${decision_id}: ${shown.join(", ")}${more}.`;
}
