"""The wire to Valkey: connections, clusters, TLS, deadlines."""
