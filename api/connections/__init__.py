"""The server's connections, HTTP and WebSocket, with bounds on what a client may cost."""
