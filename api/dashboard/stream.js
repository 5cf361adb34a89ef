// Listens to /ws/stream; comes back by itself and asks for what it missed.

import { token } from "./ask.js";

const PING_MS = 15_000, SILENCE_MS = 40_000, RETRY_MS_MIN = 500, RETRY_MS_MAX = 15_000;

/** Call `heard(event)` for each event, `changed(words)` when the connection changes, `missed(count)` for losses. */
export function listen({ heard, changed, missed }) {
  let last = 0, retry = RETRY_MS_MIN, alive = 0, socket = null;

  const connect = () => {
    const address = `${location.protocol.replace("http", "ws")}//${location.host}/ws/stream`;
    const encoded = btoa(token()).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    socket = new WebSocket(address, token() ? ["trading-engine", `bearer.${encoded}`] : []);
    socket.onopen = () => {
      retry = RETRY_MS_MIN;
      alive = Date.now();
      socket.send(JSON.stringify(last ? { action: "subscribe", topics: ["*"], since: last } : { action: "ping" }));
      changed("connected");
    };
    socket.onmessage = ({ data }) => {
      alive = Date.now();
      const message = JSON.parse(data);
      if (message.type === "dropped") missed(message.count);
      else if (message.data) {
        last = message.seq;
        heard(message);
      } else if (message.type === "pong" && message.seq < last) last = 0; // the daemon began anew
    };
    socket.onclose = () => {
      changed("offline, trying again");
      setTimeout(connect, retry);
      retry = Math.min(2 * retry, RETRY_MS_MAX);
    };
  };

  setInterval(() => {
    if (socket?.readyState !== WebSocket.OPEN) return;
    if (Date.now() - alive > SILENCE_MS) socket.close();
    else socket.send('{"action":"ping"}');
  }, PING_MS);
  connect();
}
