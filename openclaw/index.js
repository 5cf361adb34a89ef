/** The OpenClaw plugin: registers what the gateway may start and ask; nothing runs at import. */

import { beforeToolCall } from "./src/approval.js";
import { createCli, DESCRIPTORS } from "./src/cli.js";
import { EngineClient } from "./src/client.js";
import { createCommands } from "./src/commands.js";
import { createMethods, handler } from "./src/methods.js";
import { createService } from "./src/service.js";
import { PLUGIN_ID, readSettings } from "./src/settings.js";
import { shared } from "./src/shared.js";
import { readToken } from "./src/token.js";
import { createTools } from "./src/tools.js";

export default {
  id: PLUGIN_ID,
  name: "Trading engine",
  description: "Starts the trading engine with the gateway, talks to it, and stops it.",
  register(api) {
    const client = clientFor(api);
    const { approvals, confirmations } = shared();
    const configured = (ctx) => ctx.config?.plugins?.entries?.[PLUGIN_ID]?.config ?? api.pluginConfig ?? {};
    api.registerService(createService({ config: configured, variables: process.env }));
    for (const { optional, ...tool } of createTools(client, approvals)) api.registerTool(tool, { optional });
    for (const command of createCommands({ client, confirmations })) api.registerCommand(command);
    for (const { name, scope, answer } of createMethods(client)) api.registerGatewayMethod(name, handler(answer), { scope });
    api.registerCli(createCli({ client }), { descriptors: DESCRIPTORS });
    api.on("before_tool_call", beforeToolCall(client, approvals));
  },
};

/** Give what makes a client at each call: the state folder may not be asked for while registering. */
function clientFor(api) {
  return () => {
    const stateDir = api.runtime.state.resolveStateDir(process.env);
    const { baseUrl, tokenFile } = readSettings(api.pluginConfig ?? {}, { stateDir });
    return new EngineClient({ baseUrl, token: () => readToken(tokenFile) });
  };
}
