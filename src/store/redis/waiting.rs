//! The jobs that wait, project by project.
//!
//! Who calls: `backend`. What must stay true: it only reads.

use super::codec;
use super::connection::Connection;
use super::scripts::{self, on_queue};
use crate::store::{Result, WaitingLine};

/// As the script tells it: the project, how many wait, and of the first ones place, ticket, pipeline, run id, asked by.
type Line = (String, String, Vec<[String; 5]>);

/// The first jobs of each project.
pub(super) async fn waiting(redis: &Connection, of_each: usize, in_all: usize) -> Result<Vec<WaitingLine>> {
    let lines: Vec<Line> = redis.run(on_queue(&scripts::WAITING).arg(of_each).arg(in_all)).await?;
    lines.into_iter().map(read).collect()
}

fn read((project, total, first): Line) -> Result<WaitingLine> {
    let job = |[ahead, ticket, pipeline, run_id, asked_by]: [String; 5]| {
        let ahead = codec::number(&ticket, "place in the queue", &ahead)?;
        Ok((ahead, codec::job(&ticket, &pipeline, &run_id, &asked_by)?))
    };
    let total = codec::number(&project, "length of the queue", &total)?;
    Ok(WaitingLine { total, first: first.into_iter().map(job).collect::<Result<_>>()?, project })
}
