"""The user's Gizwits cloud: the Open API and its push over a WebSocket."""
