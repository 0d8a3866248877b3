//! Who runs on which core.

use std::str::FromStr;

use serde::Serialize;

use crate::cpu::allowed_cpus;
use crate::error::BenchError;

/// Who runs on which core.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct CpuPlan {
    /// The cores of the servers that are started; none: any.
    pub broker: Vec<usize>,
    /// The core of the load; none: any.
    pub load: Option<usize>,
}

impl CpuPlan {
    /// The plan that was asked for. Without one it is the first two cores there are: the load has
    /// the second one, and a broker of `shards` the first one, or both if it has several shards.
    ///
    /// # Errors
    /// If there is one core only, or the machine does not say.
    pub fn chosen(asked: Option<&CpuPlan>, shards: usize) -> Result<CpuPlan, BenchError> {
        if let Some(plan) = asked {
            return Ok(plan.clone());
        }
        let cpus = allowed_cpus().map_err(BenchError::system("asking for cores"))?;
        match cpus[..] {
            [first, second, ..] => {
                let broker = if shards > 1 { vec![first, second] } else { vec![first] };
                Ok(CpuPlan { broker, load: Some(second) })
            }
            [_] | [] => Err(BenchError::Argument(
                "there is one core only, and servers and load would share it; say --cpus none to \
                 measure even so"
                    .to_owned(),
            )),
        }
    }
}

impl FromStr for CpuPlan {
    type Err = String;

    fn from_str(text: &str) -> Result<CpuPlan, String> {
        let mut plan = CpuPlan::default();
        if text == "none" {
            return Ok(plan);
        }
        for part in text.split(',') {
            let (name, numbers) = part.split_once('=').ok_or_else(|| not_a_plan(part))?;
            let cpus: Result<Vec<usize>, _> = numbers.split('+').map(str::parse).collect();
            let cpus = cpus.map_err(|_| not_a_plan(part))?;
            match (name, &cpus[..]) {
                ("broker", _) => plan.broker = cpus,
                ("load", [cpu]) => plan.load = Some(*cpu),
                _ => return Err(not_a_plan(part)),
            }
        }
        Ok(plan)
    }
}

fn not_a_plan(part: &str) -> String {
    format!("'{part}' is neither broker=CPU+... nor load=CPU")
}
