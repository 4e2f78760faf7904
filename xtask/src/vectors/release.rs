//! Updates whose metadata holds, and whose release or image this device must not take. Trust moves all the same.

use serde_json::{Value, json};

use super::{Case, Trust};

/// A record in which one member is another.
fn with(
    name: &'static str,
    reason: (&'static str, u16),
    member: &'static str,
    value: Value,
    says: &'static str,
) -> Case {
    Case::refuse(name, reason, Trust::Chain, says, move |case| {
        case.repo.record()[member] = value;
    })
}

#[rustfmt::skip]
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        with("counter-older", ("counter-rollback", 317), "counter", json!(2), "A security counter lower than the confirmed one."),
        Case::refuse("counter-below-minimum", ("counter-below-minimum", 318), Trust::Chain, "The product role has raised the minimum past this release.", |case| case.repo.band().body["minimum_counter"] = json!(5)),
        Case::refuse("counter-below-trusted-minimum", ("counter-below-minimum", 318), Trust::Chain, "A minimum that was trusted before does not come down again.", |case| {
            case.state["minimum_counter"] = json!(9);
        }),
        with("hardware-other", ("other-hardware", 315), "hardware", json!(["band-b", "band-c"]), "A release for other hardware."),
        with("hardware-prefix", ("other-hardware", 315), "hardware", json!(["band"]), "A hardware id that is only the beginning of ours."),
        with("hardware-empty", ("record-malformed", 310), "hardware", json!([]), "A release for no hardware at all."),
        with("hardware-unsorted", ("record-malformed", 310), "hardware", json!(["band-b", "band-a"]), "Hardware ids out of order."),
        with("product-other", ("other-product", 303), "product", json!("scale"), "Signed by this product's people, for another product."),
        Case::refuse("kind-bootloader", ("not-an-application", 314), Trust::Chain, "A bootloader as an update.", |case| {
            case.repo.record()["kind"] = json!("bootloader");
            case.repo.record()["images"][0]["region"] = json!("boot");
        }),
        with("kind-bootloader-for-active", ("record-images", 313), "kind", json!("bootloader"), "A bootloader whose image is for the application's region."),
        with("kind-unknown", ("record-malformed", 310), "kind", json!("library"), "A kind nobody knows."),
        with("minimum-bootloader-newer", ("bootloader-too-old", 316), "minimum_bootloader", json!(2), "A release that needs a newer bootloader."),
        with("format-newer", ("record-format", 312), "format", json!(2), "A record of a later format."),
        with("record-unknown-member", ("record-unknown-member", 311), "run-as-root", json!(true), "What a device does not understand it must not ignore."),
        Case::refuse("record-missing", ("record-malformed", 310), Trust::Chain, "A target without a record.", |case| {
            case.repo.band().body["targets"]["band/1.1.0"].as_object_mut().expect("an object").remove("custom");
        }),
        Case::refuse("images-none", ("record-images", 313), Trust::Chain, "A release without an image.", |case| case.repo.record()["images"] = json!([])),
        Case::refuse("images-two", ("record-images", 313), Trust::Chain, "Two images.", |case| {
            let image = case.repo.record()["images"][0].clone();
            case.repo.record()["images"] = json!([image, image]);
        }),
        Case::refuse("image-for-trust", ("record-images", 313), Trust::Chain, "An image for the trust store.", |case| case.repo.record()["images"][0]["region"] = json!("trust")),
        Case::refuse("image-for-boot", ("record-images", 313), Trust::Chain, "An application with an image for the bootloader's region.", |case| case.repo.record()["images"][0]["region"] = json!("boot")),
        Case::refuse("image-empty", ("record-images", 313), Trust::Chain, "An image of length 0.", |case| {
            case.repo.record()["images"][0]["length"] = json!(0);
            case.repo.image.clear();
        }),
        Case::refuse("image-tampered", ("image-digest", 401), Trust::Chain, "One bit of the image is another.", |case| case.repo.image[100] ^= 1),
        Case::refuse("image-truncated", ("image-digest", 401), Trust::Chain, "The last byte of the image is missing: the slot is erased there.", |case| {
            case.repo.image.pop();
            case.repo.image.push(0xff);
        }),
        Case::refuse("image-larger-than-a-slot", ("image-too-large", 402), Trust::Chain, "An image that fits no slot (lengths must not wrap).", |case| case.repo.record()["images"][0]["length"] = json!(4_294_967_552_u64)),
        Case::refuse("target-unknown", ("target-unknown", 301), Trust::Chain, "A path the product role does not list.", |case| case.repo.path = "band/9.9.9".to_owned()),
        Case::refuse("path-of-other-product", ("path-outside-product", 300), Trust::Stays, "Evidence for another product's release.", |case| {
            case.repo.path = "scale/1.0.0".to_owned();
            case.repo.shown = vec!["scale".to_owned()];
        }),
        Case::refuse("path-of-longer-name", ("path-outside-product", 300), Trust::Stays, "A path that only begins like ours.", |case| case.repo.path = "bandage/1.0.0".to_owned()),
        Case::refuse("path-with-quote", ("evidence-path", 103), Trust::Stays, "A path that would need escaping.", |case| case.repo.path = "band/\"1".to_owned()),
    ];
    cases.push(Case::refuse("refused-image-keeps-revocation", ("image-digest", 401), Trust::Chain, "The image is bad, the new root is kept all the same.", |case| {
        case.repo.rotate(|_| {}, &["bob", "carol"]);
        case.repo.image[9] ^= 0x80;
    }));
    cases
}
