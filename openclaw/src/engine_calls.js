/** What tools and commands ask of the engine; stateless, because the gateway may run them in another registration. */

import { EngineProblem } from "./client.js";

/** Give the last decision's id, however many risk checks came since. */
export async function lastDecisionId(client) {
  const { last_decision_id: newest } = await client.get("/status");
  if (!newest) throw new EngineProblem("There is no decision yet.", { hint: "/trade-scan makes one." });
  return newest;
}

export async function decision(client, id) {
  return client.get(`/decisions/${encodeURIComponent(id ?? (await lastDecisionId(client)))}`);
}

/** Say what executing a decision would send, without sending it. */
export function preview(client, id) {
  return client.post("/execute", { ...(id ? { decision_id: id } : {}), dry_run: true });
}

export function send(client, id) {
  return client.post("/execute", { decision_id: id, dry_run: false });
}

/** Begin long work and give its job at once. */
export function begin(client, path, body) {
  return client.post(`${path}?wait=false`, body);
}

export function job(client, id) {
  return client.get(`/jobs/${encodeURIComponent(id)}`);
}

/** Whether the engine's own scheduler runs the jobs; an engine that does not say has none. */
export function ownSchedulerOn(status) {
  return status?.scheduler?.enabled === true;
}
