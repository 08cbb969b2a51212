"""A month that nobody touches: real processes, hostile landings, kills at random moments."""
