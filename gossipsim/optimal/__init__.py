"""The best gossip rates for a graph, each with a bound that proves how close to the best they are."""
