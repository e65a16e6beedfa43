"""The Gizwits clouds: the consumer's Open API and the organisation's Enterprise API, which share one schema."""
