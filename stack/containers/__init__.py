"""The stack in containers: a container becomes one service, by the definitions of the local stack."""
