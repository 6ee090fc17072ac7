//! On which terms a document is taken: in grey, not at these hours, so many sides of paper a day.

use super::{IncomingJob, Offer};
use crate::{
    document::{Format, Inspected},
    system::SpoolError,
    ticket::{Capabilities, Color, Options},
};
use lanyard_trust::{Action, Claim, Refusal, ShareId, Subject, Terms, Used};
use std::path::Path;

impl Offer {
    /// What one of this computer's printers can do for somebody.
    ///
    /// # Errors
    /// The spooler's.
    pub async fn capabilities_for(
        &self,
        subject: &Subject,
        share: &ShareId,
        queue: &crate::QueueId,
    ) -> Result<Capabilities, SpoolError> {
        let mut told = self.capabilities(queue).await?;
        told.color &= !self.inner.gate.terms(share, subject).grey;
        Ok(told)
    }

    /// What was chosen, as far as the owner allows it.
    pub(super) fn allowed(terms: &Terms, options: Options) -> Options {
        match terms.grey {
            true => Options { color: Some(Color::Monochrome), ..options },
            false => options,
        }
    }

    /// Sides of paper that a document makes; none when its pages cannot be counted.
    pub(super) async fn sides(&self, path: &Path, found: &Inspected, options: &Options) -> Option<u32> {
        if let Some(pages) = found.pages {
            return Some(options.sides_of(pages));
        }
        if found.format != Format::Text {
            return None;
        }
        // A text has as many pages as it is laid out on.
        let mut made = path.as_os_str().to_owned();
        made.push(".counted");
        let made = std::path::PathBuf::from(made);
        let media = Options { media: options.media.clone(), ..Options::default() };
        let laid_out = self.inner.documents.to_pdf(path, Format::Text, &media, &made).await;
        let counted = match laid_out {
            Ok(()) => self.inner.documents.inspect(&made, true).await.ok(),
            Err(_) => None,
        };
        let _ = std::fs::remove_file(&made);
        counted?.pages.map(|pages| options.sides_of(pages))
    }

    /// A job that ended without anything on paper does not count against what its sender may print a day.
    pub(super) async fn give_back_unprinted(&self, job: &IncomingJob) {
        let (gate, share, sender) = (self.inner.gate.clone(), job.share.clone(), job.sender);
        let (at, unused) = (job.created_at, Used { jobs: 1, bytes: 0, pages: job.sides.unwrap_or_default() });
        let give_back = move || gate.unused(&share, sender, at, unused);
        // Fails only when the node stops: then it counts.
        let _ = tokio::task::spawn_blocking(give_back).await;
    }
}

/// Counts the sides of a document, too, where that is limited.
pub(super) fn count(
    terms: &Terms,
    sides: Option<u32>,
    claim: &mut Claim<crate::QueueId>,
) -> Result<(), Refusal> {
    match (terms.counted, sides) {
        (false, _) => Ok(()),
        (true, Some(pages)) => claim.add(Action::Print, Used { pages, ..Used::default() }),
        (true, None) => Err(Refusal::Spent),
    }
}
