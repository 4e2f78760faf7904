//! Counts an emulated core's stores into flash, and ends QEMU right after a chosen one, as if power had gone.
//!
//! Takes `flash=ADDRESS`, `length=BYTES` and `cut=N` on QEMU's command line (`cut=0` never comes); says on standard error how
//! many stores there were. QEMU then ends with [`CUT`]. Which functions it calls is written down in QEMU's `qemu-plugin.h`.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

/// What QEMU ends with at a cut.
pub const CUT: c_int = 99;

/// Which version of QEMU's interface this is for.
#[unsafe(no_mangle)]
pub static qemu_plugin_version: c_int = if cfg!(feature = "second-version") {
    2
} else {
    1
};

static FLASH: AtomicU64 = AtomicU64::new(0);
static LENGTH: AtomicU64 = AtomicU64::new(0);
static TO_BE_CUT: AtomicU64 = AtomicU64::new(0);
static STORES: AtomicU64 = AtomicU64::new(0);

/// Reads the command line; QEMU calls it once.
///
/// # Safety
///
/// `words` are `count` texts that end with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: Id,
    _about: *const c_void,
    count: c_int,
    words: *const *const c_char,
) -> c_int {
    for at in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the caller says that there are so many, and that each ends.
        let word = unsafe { CStr::from_ptr(*words.add(at)) };
        let read = word.to_str().ok().and_then(|word| word.split_once('='));
        let Some((name, Ok(number))) = read.map(|(name, number)| (name, number.parse())) else {
            return -1;
        };
        match name {
            "flash" => &FLASH,
            "length" => &LENGTH,
            "cut" => &TO_BE_CUT,
            _ => return -1,
        }
        .store(number, Ordering::Relaxed);
    }
    // SAFETY: QEMU offers both to a plugin that is being installed, and both functions stay as long as it runs.
    unsafe {
        qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
        qemu_plugin_register_atexit_cb(id, ended, ptr::null_mut());
    }
    0
}

/// A block of instructions is about to be executed for the first time: each of its stores is to be told.
extern "C" fn translated(_id: Id, block: *mut Block) {
    // SAFETY: QEMU lends the block for this call, and there are so many instructions in it.
    unsafe {
        for at in 0..qemu_plugin_tb_n_insns(block) {
            let instruction = qemu_plugin_tb_get_insn(block, at);
            qemu_plugin_register_vcpu_mem_cb(
                instruction,
                accessed,
                NO_REGISTERS,
                WRITES,
                ptr::null_mut(),
            );
        }
    }
}

extern "C" fn accessed(_core: c_uint, access: u32, address: u64, _: *mut c_void) {
    let inside = address
        .checked_sub(FLASH.load(Ordering::Relaxed))
        .is_some_and(|offset| offset < LENGTH.load(Ordering::Relaxed));
    // QEMU 7 tells loads too, whatever was asked for.
    // SAFETY: QEMU gave this value a moment ago.
    if !inside || !unsafe { qemu_plugin_mem_is_store(access) } {
        return;
    }
    let stores = STORES.fetch_add(1, Ordering::Relaxed) + 1;
    if stores == TO_BE_CUT.load(Ordering::Relaxed) {
        // SAFETY: it ends this process, without a word to anybody.
        unsafe { libc::_exit(CUT) }
    }
}

extern "C" fn ended(_id: Id, _: *mut c_void) {
    eprintln!("{} stores", STORES.load(Ordering::Relaxed));
}

type Id = u64;

/// QEMU's own; only ever handed back.
#[repr(C)]
pub struct Block(c_void);

/// QEMU's own; only ever handed back.
#[repr(C)]
pub struct Instruction(c_void);

const NO_REGISTERS: c_int = 0;
const WRITES: c_int = 2;

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, call: extern "C" fn(Id, *mut Block));
    fn qemu_plugin_register_atexit_cb(
        id: Id,
        call: extern "C" fn(Id, *mut c_void),
        data: *mut c_void,
    );
    fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const Block, at: usize) -> *mut Instruction;
    fn qemu_plugin_register_vcpu_mem_cb(
        instruction: *mut Instruction,
        call: extern "C" fn(c_uint, u32, u64, *mut c_void),
        registers: c_int,
        accesses: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_mem_is_store(access: u32) -> bool;
}
