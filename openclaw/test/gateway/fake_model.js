/** An OpenAI-compatible model that does what the test scripts: call one tool, then tell what it answered. */

import { createServer } from "node:http";

export class FakeModel {
  calls = [];
  next = null;

  static async listen() {
    const model = new FakeModel();
    model.server = createServer((request, answer) => model.#answer(request, answer)).listen(0, "127.0.0.1");
    await new Promise((done) => model.server.once("listening", done));
    model.url = `http://127.0.0.1:${model.server.address().port}`;
    return model;
  }

  /** The next turn calls this tool, the way a model has to: plugins' tools are behind Tool Search by default. */
  script(name, args) {
    this.next = { name: "tool_call", args: { id: name, args } };
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }

  async #answer(request, answer) {
    const parts = [];
    for await (const part of request) parts.push(part);
    const asked = JSON.parse(Buffer.concat(parts).toString() || "{}");
    this.calls.push(asked);
    const scripted = asked.tools?.some((tool) => tool.function.name === this.next?.name) ? this.next : null;
    if (scripted) this.next = null; // a request without tools is the gateway's own: a title, a summary
    const delta = scripted ? toolCall(scripted) : { content: reply(asked.messages ?? []) };
    const reason = scripted ? "tool_calls" : "stop";
    answer.writeHead(200, { "content-type": "text/event-stream" });
    const send = (choice) => answer.write(`data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", model: "scripted", choices: [{ index: 0, ...choice }] })}\n\n`);
    send({ delta: { role: "assistant", ...delta }, finish_reason: null });
    send({ delta: {}, finish_reason: reason });
    answer.end("data: [DONE]\n\n");
  }
}

function toolCall({ name, args }) {
  return { tool_calls: [{ index: 0, id: `call_${Date.now()}`, type: "function", function: { name, arguments: JSON.stringify(args) } }] };
}

function reply(messages) {
  const said = messages.findLast((message) => message.role === "tool"); // the gateway may add context after it
  return said ? `TOOL SAID ${textOf(said.content)}` : "nothing to do";
}

function textOf(content) {
  return typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("");
}
