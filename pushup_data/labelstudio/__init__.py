"""Label Studio: server, project, labeling config, push, pull."""
