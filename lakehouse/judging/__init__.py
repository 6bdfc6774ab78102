"""The one evaluator of contracts: bytes or an item of a request in; typed fields, or what is wrong with it, out."""
