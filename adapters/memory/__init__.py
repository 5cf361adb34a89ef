"""The memory: the ledger's rows as a graph that people and agents can question. The only home of neo4j."""
