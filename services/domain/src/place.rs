//! Where an event stands: its regions and the offset of the place's clock.
