use super::*;

const GIF: &str = "R0lGODlh";

fn image(kind: &str, data: &str) -> Value {
    json!({"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}})
}

/// A PDF with other members than a right one has.
fn pdf(change: Value) -> Value {
    let source = json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjc="});
    changed(json!({"type": "document", "source": source}), change)
}

#[track_caller]
fn check_block(block: Value, want: &str) {
    let at = match want {
        "" => String::new(),
        want => format!("messages.0.content.0.{want}"),
    };
    check(json!({"messages": talk(json!([[block]]))}), &at);
}

#[test]
#[rustfmt::skip]
fn a_picture_is_what_it_says_it_is() {
    check_block(image("image/gif", GIF), "");
    check_block(image("image/png", "iVBORw0KGgo="), "");
    check_block(image("image/jpeg", "/9j/4A=="), "");
    check_block(image("image/webp", "UklGRgAAAABXRUJQ"), "");
    check_block(image("image/png", GIF), "source.data: The image was specified using the image/png media type, but the image appears to be a image/gif image");
    check_block(image("image/png", "PHN2Zy8+"), "source.data: Could not process image");
    for kind in ["image/bmp", "image/jpg", "image/svg+xml", "application/pdf"] {
        check_block(image(kind, GIF), "source.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'");
    }
    check_block(json!({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}), "source: source type 'url' is not supported");
    check_block(changed(image("image/gif", GIF), json!({"detail": "high"})), "detail: Extra inputs are not permitted");
    check_block(json!({"type": "image", "source": {"type": "file"}}), "source: source type 'file' is not supported");
}

#[test]
#[rustfmt::skip]
fn base64_is_canonical() {
    //                    text           what is wrong
    for coded in [
        "R0lG*",        // a character of no alphabet
        "R0lGODl\nh",   // a line break
        "iVBORw0KGgo",  // no padding
        "_9j_4A==",     // the other alphabet
        "iVBORw0KGgp=", // bits behind the end
    ] {
        check_block(image("image/png", coded), "source.data: Invalid base64 data");
    }
}

#[test]
#[rustfmt::skip]
fn pictures_are_neither_too_large_nor_too_many() {
    let sized = |bytes: usize| {
        let mut gif = b"GIF89a\x01\0\x01\0".to_vec();
        gif.resize(bytes, 0);
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, gif)
    };
    check_block(image("image/gif", &sized(3_932_160)), "");
    check_block(image("image/gif", &sized(3_932_161)), "source.data: image exceeds 5 MB maximum: 5242884 bytes > 5242880 bytes");
    check_block(image("image/gif", "R0lGODlhQB8BAA=="), "");
    check_block(image("image/gif", "R0lGODlhQR8BAA=="), "source.data: At least one of the image dimensions exceed max allowed size: 8000 pixels");

    let many = |count| json!({"messages": talk(json!([vec![image("image/gif", GIF); count]]))});
    check(many(20), "");
    check(many(21), "messages: too many images: 21 > 20");
}

#[test]
#[rustfmt::skip]
fn documents_are_pdf_or_text_and_have_no_empty_title() {
    let text = |kind: &str| json!({"type": "document", "source": {"type": "text", "media_type": kind, "data": "x"}});
    check_block(pdf(json!({})), "");
    check_block(pdf(json!({"title": "Q3"})), "");
    check_block(json!({"type": "document", "title": null, "source": pdf(json!({}))["source"]}), "");
    check_block(pdf(json!({"title": ""})), "title: String should have at least 1 character");
    check_block(pdf(json!({"title": "x".repeat(501)})), "title: String should have at most 500 characters");
    check_block(pdf(json!({"context": ""})), "context: String should have at least 1 character");
    check_block(pdf(json!({"name": "Q3"})), "name: Extra inputs are not permitted");
    check_block(pdf(json!({"source": {"type": "base64", "media_type": "application/pdf", "data": GIF}})), "source.data: The PDF specified was not valid.");
    check_block(pdf(json!({"source": {"type": "base64", "media_type": "text/csv", "data": "YQ=="}})), "source.media_type: Input should be 'application/pdf'");
    check_block(text("text/plain"), "");
    check_block(text("text/markdown"), "source.media_type: Input should be 'text/plain'");
    check(json!({"messages": talk(json!(["a", [pdf(json!({}))], "b"]))}), "messages.1.content.0: `document` blocks can only be in `user` messages");
}
