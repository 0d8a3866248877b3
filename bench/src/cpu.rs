//! Clocks and cores: what time it is, how much of a core somebody used, and who may run where.

use std::io;

/// Nanoseconds on the monotonic clock.
#[must_use]
pub fn monotonic_ns() -> u64 {
    read_clock(libc::CLOCK_MONOTONIC).expect("the monotonic clock always exists")
}

/// Seconds since 1970 on the system's clock.
#[must_use]
pub fn unix_seconds() -> u64 {
    read_clock(libc::CLOCK_REALTIME).expect("the system's clock always exists") / 1_000_000_000
}

/// CPU time the calling thread has used, in nanoseconds.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID).expect("a thread can always read its own clock")
}

/// The CPU clock of a process: user and system time of all its threads.
#[derive(Clone, Copy, Debug)]
pub struct ProcessCpuClock {
    clock: libc::clockid_t,
}

impl ProcessCpuClock {
    /// The clock of the process with this number.
    ///
    /// # Errors
    /// If there is no such process.
    pub fn of(pid: u32) -> io::Result<ProcessCpuClock> {
        let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
        let mut clock: libc::clockid_t = 0;
        // SAFETY: the clock's number is written to a variable that lives through the call.
        let result = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
        if result == 0 {
            Ok(ProcessCpuClock { clock })
        } else {
            Err(io::Error::from_raw_os_error(result))
        }
    }

    /// CPU time the process has used so far, in nanoseconds.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn read_ns(self) -> io::Result<u64> {
        read_clock(self.clock)
    }
}

/// The cores this process may run on, in ascending order.
///
/// # Errors
/// If the system does not say.
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    let mut set = empty_set();
    // SAFETY: the set lives through the call, and its size is given.
    let result = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let count = libc::CPU_SETSIZE as usize;
    // SAFETY: every index is smaller than the set's size.
    Ok((0..count).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect())
}

/// Some cores, as the system wants them said. Made before a fork, used after it.
#[derive(Clone, Copy)]
pub struct CpuSet(libc::cpu_set_t);

impl CpuSet {
    /// The set that holds `cpu` only.
    ///
    /// # Errors
    /// If no core can have this number.
    pub fn only(cpu: usize) -> io::Result<CpuSet> {
        CpuSet::of(&[cpu])
    }

    /// The set that holds these cores.
    ///
    /// # Errors
    /// If no core can have one of the numbers.
    pub fn of(cpus: &[usize]) -> io::Result<CpuSet> {
        let mut set = empty_set();
        for &cpu in cpus {
            if cpu >= libc::CPU_SETSIZE as usize {
                return Err(io::Error::from(io::ErrorKind::InvalidInput));
            }
            // SAFETY: the index was compared with the set's size.
            unsafe { libc::CPU_SET(cpu, &mut set) };
        }
        Ok(CpuSet(set))
    }

    /// Lets the calling thread run on these cores only. Allocates nothing and takes no lock, so that
    /// it may be called between fork and exec.
    ///
    /// # Errors
    /// If the thread may not run there.
    pub fn pin_current_thread(&self) -> io::Result<()> {
        // SAFETY: the set lives through the call, and its size is given.
        let result = unsafe { libc::sched_setaffinity(0, size_of_val(&self.0), &raw const self.0) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

impl std::fmt::Debug for CpuSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CpuSet")
    }
}

fn empty_set() -> libc::cpu_set_t {
    // SAFETY: a set of cores is an array of bits; all of them zero is the empty set.
    unsafe { std::mem::zeroed() }
}

fn read_clock(clock: libc::clockid_t) -> io::Result<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a structure that lives through the call.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}
