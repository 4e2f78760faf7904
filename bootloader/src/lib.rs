//! The bootloader.
#![no_std]
