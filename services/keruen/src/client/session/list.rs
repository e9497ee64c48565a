//! Lists, page by page.

use super::Session;
use crate::{
    client::{
        failure::Failure,
        rpc::{Page as _, Paged},
    },
    render::record::Record,
};

impl Session {
    /// All pages of a list, up to `limit` rows; tells whether there is more.
    pub async fn pages<R: Paged>(
        &self,
        question: R,
        limit: usize,
    ) -> Result<(Vec<R::Record>, bool), Failure> {
        self.pages_seen(question, limit, |_| ()).await
    }

    /// The same, for somebody who wants to `see` each answer.
    pub async fn pages_seen<R: Paged>(
        &self,
        mut question: R,
        limit: usize,
        mut see: impl FnMut(&R::Answer),
    ) -> Result<(Vec<R::Record>, bool), Failure> {
        let mut rows = Vec::new();
        let mut token = String::new();
        loop {
            let wanted = limit.saturating_sub(rows.len());
            let size = i32::try_from(wanted)
                .unwrap_or(i32::MAX)
                .clamp(1, R::MAX_PAGE_SIZE);
            question.page(size, token.clone());
            let answer = self.ask(question.clone()).await?;
            see(&answer);
            let (page, next, position) = answer.into_parts();
            self.reflected().note(position);
            let stuck = next == token && !next.is_empty();
            rows.extend(page);
            if next.is_empty() || rows.len() >= limit || stuck {
                let more = !next.is_empty() || rows.len() > limit;
                rows.truncate(limit);
                return Ok((rows, more));
            }
            token = next;
        }
    }

    /// Lists things.
    pub async fn list<R: Paged>(&self, question: R, limit: usize) -> Result<(), Failure>
    where
        R::Record: Record,
    {
        let (rows, more) = self.pages(question, limit).await?;
        self.output().listed(&rows)?;
        tell_of_more(more, limit);
        Ok(())
    }
}

/// Says on standard error that a list was cut off.
pub fn tell_of_more(more: bool, limit: usize) {
    if more {
        anstream::eprintln!("only the first {limit} are shown; see more with --limit");
    }
}
