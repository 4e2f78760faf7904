//! cuff: sign, publish and deliver firmware for wearables.
