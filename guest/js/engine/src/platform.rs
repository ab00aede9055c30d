//! What C code and the standard library would ask an operating system for. The component imports nothing: time
//! is the host's, the rest is not there. Only for wasm.
//!
//! The names are those under which wasi-libc declares the functions of WASI 0.1; defined here, they are not
//! imported.
#![expect(unsafe_code, reason = "C finds functions by their names")]

use std::cell::Cell;

/// WASI's codes.
const NO_SUCH_FUNCTION: i32 = 52;
const BAD_DESCRIPTOR: i32 = 8;

thread_local! {
    static NOW_NS: Cell<u64> = const { Cell::new(0) };
}

/// Sets what clocks say, in nanoseconds.
pub(crate) fn set_clock(now_ns: u64) {
    NOW_NS.set(now_ns);
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_clock_time_get(
    _: i32,
    _: i64,
    time: *mut u64,
) -> i32 {
    // SAFETY: C gives a place for the time.
    unsafe { time.write_unaligned(NOW_NS.get()) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_environ_get(_: i32, _: i32) -> i32 {
    0
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_environ_sizes_get(
    count: *mut u32,
    bytes: *mut u32,
) -> i32 {
    // SAFETY: C gives places for both numbers.
    unsafe {
        count.write_unaligned(0);
        bytes.write_unaligned(0);
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_close(_: i32) -> i32 {
    BAD_DESCRIPTOR
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_fdstat_get(_: i32, _: i32) -> i32 {
    BAD_DESCRIPTOR
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_seek(_: i32, _: i64, _: i32, _: i32) -> i32 {
    BAD_DESCRIPTOR
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_write(_: i32, _: i32, _: i32, _: i32) -> i32 {
    NO_SUCH_FUNCTION
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_proc_exit(_: i32) -> ! {
    std::process::abort()
}

/// For hash tables of the standard library. Scripts' randomness comes from `state`.
#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_random_get(bytes: *mut u8, count: usize) -> i32 {
    let mut word = NOW_NS.get() | 1;
    for index in 0..count {
        // xorshift64*, as QuickJS does.
        word ^= word >> 12;
        word ^= word << 25;
        word ^= word >> 27;
        // SAFETY: C gives a place for so many bytes.
        unsafe {
            bytes
                .add(index)
                .write((word.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8)
        };
    }
    0
}
