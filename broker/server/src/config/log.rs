//! How logs are kept.

use coilgun_storage::journal::{Geometry, SEGMENT_BYTES_DEFAULT};
use serde::{Deserialize, Serialize};

use super::configuration::{ConfigError, in_range};

/// Smallest segment, in bytes: one with room for the largest commit group and its footer.
const SEGMENT_BYTES_MIN: u32 = 8 * 1024 * 1024;
/// Memory for what was written last unless configured otherwise, in bytes.
const CACHE_BYTES_DEFAULT: usize = 64 * 1024 * 1024;
/// Most memory for that, in bytes.
const CACHE_BYTES_MAX: usize = 1 << 40;
/// Largest segment, in bytes.
const SEGMENT_BYTES_MAX: u32 = 1 << 30;

/// How logs are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Bytes of one segment of a log, rounded down to whole blocks; a log has three segments at
    /// least. What is there already keeps its size.
    pub segment_bytes: u32,
    /// Bytes of memory of one log for what was written last: who reads that does not wait for the disk.
    pub cache_bytes: usize,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig { segment_bytes: SEGMENT_BYTES_DEFAULT, cache_bytes: CACHE_BYTES_DEFAULT }
    }
}

impl LogConfig {
    /// Checks that segments are as large as they have to be.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let (least, most) = (SEGMENT_BYTES_MIN as usize, SEGMENT_BYTES_MAX as usize);
        in_range("log.segment_bytes", self.segment_bytes as usize, least, most)?;
        in_range("log.cache_bytes", self.cache_bytes, 0, CACHE_BYTES_MAX)
    }

    /// The sizes of new segments and commit groups.
    ///
    /// # Panics
    /// If the configuration was not checked.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        let segment_bytes = self.segment_bytes / 4096 * 4096;
        let geometry = Geometry { segment_bytes, ..Geometry::DEFAULT };
        geometry.check().expect("the configuration was checked");
        geometry
    }
}
