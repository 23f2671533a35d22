"""What runs in a sealed child: the loop, its channel, and the entities that come with the product."""
