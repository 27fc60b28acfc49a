"""The autoencoder that REVISE needs once for each data set: who asks first has it fitted, all others wait for it."""

from __future__ import annotations

import streamlit as st

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.catalogue import AnyData
from ctviz.experiments.vae import stored_vae, vae_key, work_vae
from ctviz.ui.kit.service import Service


def awaited(service: Service, data: AnyData, settings: SearchSettings) -> bool:
    """Whether a search needs an autoencoder that is still to be fitted.

    Where the job failed, say on a full disk, the search fits it for itself and keeps it in memory.
    """
    if settings.generator != "revise" or stored_vae(data, settings.latent, service.store) is not None:
        return False
    job = service.jobs.status(_job_key(data, settings))
    return job is None or job.state not in ("failed", "done")


def say_fitting(service: Service, data: AnyData, settings: SearchSettings) -> None:
    """Starts the fit of the autoencoder if nobody has, and says so; asked for twice, it is fitted once."""
    service.jobs.submit(
        _job_key(data, settings), work_vae, data.model_dump_json(), settings.latent, str(service.store.root)
    )
    about = "about 3 s" if data.grid is None else "up to half a minute"
    st.info(f"Fitting the autoencoder for these data, once ({about}) …", icon=":material/hourglass_top:")


def _job_key(data: AnyData, settings: SearchSettings) -> str:
    return f"vae-{vae_key(data, settings.latent)}"
