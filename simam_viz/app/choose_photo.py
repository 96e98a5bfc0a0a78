"""The photo that every page looks at: a sample, or one of the person's own, which is brought, kept and forgotten here."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from PIL import Image

from ..photos.bombs import ImageError
from ..photos.images import MAX_BYTES, formats_in_words, read_photo, shrunk
from ..photos.samples import Sample, list_samples
from ..wording import _, again, kept, labelled, remembered
from . import dropping, keeping, squaring, state
from .photo import Photo
from .server import elsewhere, forgetting, long_task

_UPLOADS = "uploads"
_UPLOAD_ERROR = "upload-error"
_UPLOAD_PREFIX = keeping.PREFIX
_SIDEBAR, _CAMERA = "uploader", "camera"
# A session keeps its last photos, and no more of each than any network here can use.
_KEPT_UPLOADS = 2
_KEPT_PIXELS = 2_000_000


@dataclass(frozen=True)
class Upload:
    """A person's own photo; it lives in their session only."""

    name: str
    title: str
    image: Image.Image
    notices: tuple[str, ...]
    size: tuple[int, int]
    """Width and height of the photo itself: ``image`` may be a smaller copy."""


def choose() -> Photo:
    """A sample or the person's own photo."""
    samples = {sample.name: sample for sample in list_samples()}
    uploads: dict[str, Upload] = st.session_state.setdefault(_UPLOADS, {})
    forgetting.keeps(_UPLOADS, uploads)
    titles = {name: _(sample.title) for name, sample in samples.items()}
    asked = state.get("photo") or ""
    titles |= {name: upload.title for name, upload in uploads.items()}
    if asked.startswith(_UPLOAD_PREFIX) and asked not in uploads:
        titles[asked] = _("A photo that is not here")
    first = next(iter(samples))
    name = state.control(
        st.selectbox,
        _("Photo"),
        list(titles),
        name="photo",
        default=first,
        parse=state.one_of({name: name for name in titles}),
        on_change=_another_photo,
        format_func=titles.__getitem__,
    )
    uploader(_("Your own photo"), _SIDEBAR)
    if st.toggle(_("Use the camera"), key="camera-on"):
        st.camera_input(_("Take a photo"), key=_CAMERA, on_change=_accept_shot)
    for trouble in (forgetting.TROUBLE if forgetting.VISITORS.trouble else "", elsewhere.ELSEWHERE.trouble):
        if trouble:
            st.warning(_(trouble))
    if uploads:
        st.button(
            _("Forget my photo"),
            icon=":material/delete:",
            key="forget-photo",
            on_click=_forget_photos,
            help=_("It is deleted here and in your browser at once, with all that was made of it."),
        )
    if name in uploads:
        own = _own(uploads[name])
        for notice in own.notices:
            st.caption(f":material/info: {state.plain(notice)}")
        return own
    sample = samples.get(name) or samples[first]
    title = _(sample.title)
    credit = _(" (photo: {author}; {licence})", author=sample.author, licence=_(sample.licence))
    return Photo(sample.name, title, credit, _(sample.alt), _sample_image(sample), title)


def _own(upload: Upload) -> Photo:
    title, alt = upload.title, _("The uploaded photo {title}", title=upload.title)
    notices = tuple(map(again, upload.notices))
    return Photo(upload.name, state.plain(title), "", alt, upload.image, title, notices, None, upload.size)


def own_photos() -> dict[str, Photo]:
    """The photos of their own that a person has here, by name."""
    uploads: dict[str, Upload] = st.session_state.get(_UPLOADS, {})
    return {name: _own(upload) for name, upload in uploads.items()}


def uploader(label: str, place: str) -> None:
    """Where a person drops a photo of their own, below what was wrong with the last one that was dropped there."""
    at, title, trouble = st.session_state.get(_UPLOAD_ERROR, ("", "", ""))
    if at == place:
        st.error(labelled(state.plain(title), again(trouble)))
    st.file_uploader(
        label,
        # Any ending: what a file is shows in its contents, and what is no photo is refused in words, which Streamlit's are not.
        max_upload_size=MAX_BYTES // 2**20,
        key=dropping.key_of(place),
        on_change=_accept,
        args=(place,),
        help=_(
            "{formats}, whatever its name, of at most 50 megapixels. It stays in this session's memory, and in this tab of your "
            "browser over a reload, and is gone when the tab is closed.",
            formats=formats_in_words(),
        ),
    )


def is_here(name: str) -> bool:
    """Whether a photo of one's own is here."""
    return name in st.session_state.get(_UPLOADS, {})


def is_upload(name: str) -> bool:
    """Whether a photo of this name is somebody's own."""
    return name.startswith(_UPLOAD_PREFIX)


def _another_photo() -> None:
    forget_upload_error()
    squaring.let_go()


def forget_upload_error() -> None:
    """What was wrong with the last upload need not be said on another page."""
    st.session_state.pop(_UPLOAD_ERROR, None)


def _accept(place: str) -> None:
    """Take a photo from an uploader; what is no photo leaves everything as it is."""
    file = dropping.received(place)
    if file is not None:
        forget_upload_error()
        take(file.data, file.name, place)


def _accept_shot() -> None:
    """Take a photo from the camera, which goes on showing it."""
    file = st.session_state[_CAMERA]
    if file is not None:
        forget_upload_error()
        take(file.getvalue(), file.name)


@remembered()
def take(data: bytes, title: str, place: str = _SIDEBAR) -> None:
    """Make a photo's file the photo to look at, from a callback; what is no photo leaves everything as it is."""
    try:
        read = read_photo(data)
    except ImageError as error:
        st.session_state[_UPLOAD_ERROR] = place, title, kept(str(error))
        return
    name = keeping.name_of(data)
    uploads = st.session_state[_UPLOADS]
    uploads.pop(name, None)
    uploads[name] = Upload(
        name, title, shrunk(read.image, _KEPT_PIXELS), tuple(map(kept, read.notices)), read.image.size
    )
    for oldest in list(uploads)[:-_KEPT_UPLOADS]:
        del uploads[oldest]
    keeping.keep(name, title, data)
    if state.get("photo") != name and state.gone().get("photo") != name:
        squaring.let_go()
    state.put("photo", name)


def _forget_photos() -> None:
    """Forget every photo of this person's, on the server and in their browser, with all that was made of it."""
    if (file := st.session_state.get(_CAMERA)) is not None:
        dropping.let_go(file)
    st.session_state["camera-on"] = False
    if is_upload(state.get("photo") or ""):
        state.put("photo", None)
        squaring.let_go()
    keeping.forget()
    long_task.forget_all()
    forgetting.empty()


def say_enlarged(notice: str) -> None:
    """Where what is seen of the photo has fewer pixels than the network's input, that is said below the choice of it."""
    if notice:
        st.caption(f":material/info: {notice}")


@st.cache_resource(max_entries=16, show_spinner=False)
def _sample_image(sample: Sample) -> Image.Image:
    return sample.image()
