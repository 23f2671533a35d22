"""Help for those who write entities: the conformance kit of `room-entity/1`."""
