//! A wearable on the desk keeps what the design promises. Each promise has a test that fails when it is broken.
//!
//! | promise | test |
//! |---|---|
//! | evidence is swapped with its image | `image_state::evidence_moves_with_its_image` |
//! | an image is judged only by evidence that signs its digest | `candidates::evidence_of_another_image_is_refused` |
//! | evidence without an image is judged in the inbox, committed and erased | `trust_state::the_inbox_is_judged_committed_and_erased` |
//! | ... also while a trial is open | `trust_state::the_inbox_is_read_during_a_trial` |
//! | at rest both banks hold the same sequence; B is written before A | `trust_state::both_banks_are_equal_at_rest`, `sweep` |
//! | one bad bank is repaired from its equal and logged | `trust_state::one_bad_bank_is_repaired_and_logged` |
//! | both bad is recovery | `trust_state::two_bad_banks_are_recovery` |
//! | two stories under one sequence are recovery | `trust_state::two_stories_under_one_sequence_are_recovery` |
//! | trust state is committed even if the image is then refused | `trust_state::trust_advances_though_the_image_is_refused` |
//! | image state waits for the confirm | `image_state::nothing_is_installed_before_the_confirm` |
//! | ... and takes the maximum with current trust | `image_state::a_confirm_keeps_what_trust_learned_meanwhile` |
//! | a sick application cannot undo a root rotation | `image_state::a_failed_trial_keeps_the_new_root` |
//! | a root that changes online keys resets the online versions, never the counter | `trust_state::an_online_key_change_resets_versions_but_not_the_counter` |
//! | the minimum counter is then taken from the next product role | same |
//! | an equal timestamp with the equal digest continues | `trust_state::the_same_timestamp_may_come_again` |
//! | other bytes under the same timestamp version are refused by name | `trust_state::a_substituted_timestamp_is_refused_by_name` |
//! | one unit an increment, two mirrors, a torn unit counts as used | `counter::*` |
//! | a jump larger than the free units is a page turn | `counter::a_large_jump_turns_the_page` |
//! | what the counter cannot reach is refused before it is accepted | `counter::what_cannot_be_reached_is_said_before` |
//! | root links may come alone, known ones are skipped | `trust_state::root_links_come_in_steps_and_known_ones_are_skipped` |
//! | the target path must lie in the product | `candidates::another_products_path_is_refused` |
//! | the time floor only grows, and never from the online key | `trust_state::the_floor_grows_with_signed_dates_only` |
//! | expiry never blocks a boot | `image_state::nothing_expires_at_boot` |
//! | while a trial is open upload and erase answer `TrialOpen` | `candidates::a_trial_closes_the_candidate_slot` |
//! | a confirm is this trial's id, fresh for every trial | `image_state::every_trial_wants_its_own_id` |
//! | what lay in the confirmation page before a trial is cleared | `image_state::a_confirm_written_before_the_trial_is_cleared` |
//! | every boot hashes `active` | `image_state::a_damaged_active_slot_does_not_boot` |
//! | the other slot boots only if its counter allows it | `image_state::the_former_image_boots_only_if_its_counter_allows` |
//! | ... or as the way back of an open trial | `image_state::a_trial_that_is_damaged_goes_back` |
//! | what only one of two judgements says is neither kept nor installed | `disturbed::*` |
//! | a refused candidate is marked and not looked at again | `candidates::a_refused_candidate_is_looked_at_once` |
//! | an empty or unreadable candidate never stops a healthy `active` | `candidates::an_unreadable_candidate_stops_nothing` |
//! | a full or broken log never stops a boot | `tamper_log::a_broken_log_stops_nothing` |
//! | equal records coalesce, kinds have quotas, the first of each kind stays | `tamper_log::*` |
//! | the first floor comes from verified metadata, or the unit's own record | `factory::*` |
//! | a report echoes the nonce | `trust_state::a_report_echoes_the_nonce_and_reads_back` |
//! | what stands on the serial line is judged before it touches a slot in recovery, and by the next boot otherwise | `smp::*` |
//! | something signed boots after a cut at any flash operation | `sweep::*` |
//! | ... and the sweep would notice | `mutants::*` |
//! | no pattern in the pages that remember takes a unit back | `pattern::*` |
//! | an update erases and programs hardly more than it must | `endurance::an_update_erases_and_programs_hardly_more_than_it_must` |
//! | a thousand updates in a row, and no page wears faster than the slots | `endurance::*` |
#![allow(missing_docs, reason = "the table above is the documentation")]
#![allow(
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "a test may panic, is small, and is not in a hurry"
)]

mod candidates;
mod counter;
mod disturbed;
mod endurance;
mod factory;
mod image_state;
mod mutants;
mod pattern;
mod signer;
mod smp;
mod story;
mod sweep;
mod tamper_log;
mod traced;
mod trust_state;
mod wearable;
