"""Models whose coefficients correlate b -> s + missing energy with other decays and Bs mixing."""

from bsnunu_jax.models import rpv, smeft, vlq_dm, zprime
from bsnunu_jax.models.leptoquarks import LEPTOQUARKS, Leptoquark
from bsnunu_jax.models.model import Model

_CORRELATED = {
    "S0": "C_L and b -> c l nu",
    "S1": "C_L, C_9 = -C_10 = 2 C_L and b -> c l nu",
    "V1": "C_L, C_9 = -C_10 = C_L/2 and b -> c l nu",
    "S2tilde": "C_R = C_9' = -C_10'",
    "V2": "C_R = C_9' = -C_10'",
}


def correlated_models() -> dict[str, Model]:
    """Leptoquarks, R-parity violation, SMEFT, Z' and vector-like quarks by name.

    >>> list(correlated_models())
    ['S0', 'S1', 'V1', 'S2tilde', 'V2', 'rpv', 'smeft', 'zprime', 'lmu-ltau',
     'vlq-dm']
    """
    found = [
        *(_leptoquark(particle) for particle in LEPTOQUARKS),
        Model(
            "rpv",
            "R-parity violation, lamp_ijk L_i Q_j D^c_k: squarks of masses m_sdL, m_suL, m_sdR"
            " [TeV]",
            rpv.PARAMETERS,
            rpv.build,
            "a squark without a mass is decoupled; m_suL is m_sdL if not given; no Bs mixing",
            rpv.refuse,
            domain=rpv.domain,
            quantities=rpv.QUANTITIES,
        ),
        Model(
            "smeft",
            "dimension 6 at `scale` [GeV, 1000 by default], coefficients in TeV^-2, matched at tree"
            " level",
            smeft.PARAMETERS,
            smeft.build,
            "Clq1_ij, Clq3_ij, Cld_ij: (Lbar_i L_j)(Qbar_2 Q_3), down-aligned; CHq1, CHq3, CHd;"
            " with one N of mass mN [GeV]: CQN, CdN, CLNQd_i, CLNQdT_i (32: Qbar_3 d_2). Vector"
            " operators do not run unless running = wilson",
            smeft.refuse,
            smeft.SETTINGS,
            smeft.domain,
            quantities=smeft.QUANTITIES,
            constants=("scale",),
        ),
        Model(
            "zprime",
            "Z' of mass MZp [TeV] coupled to sb (gL, gR), N (gN), neutrinos and leptons; Z mixing"
            " xi",
            zprime.PARAMETERS,
            zprime.build,
            "gnu_ij with i <= j (Hermitian), gl_L_i, gl_R_i; N is massless unless mN [GeV] is"
            " given; Bs mixing included",
            zprime.refuse,
            domain=zprime.domain,
            quantities=zprime.QUANTITIES,
        ),
        Model(
            "lmu-ltau",
            "Z' of U(1) L_mu - L_tau with coupling gp, mass MZp [TeV], and gL, gR to sb",
            zprime.LMU_LTAU,
            zprime.build_lmu_ltau,
            "C_9^mumu = 2 C_L^mumu = -C_9^tautau; Bs mixing included",
            zprime.refuse_lmu_ltau,
            domain=zprime.domain_lmu_ltau,
            quantities=zprime.QUANTITIES_LMU_LTAU,
        ),
        Model(
            "vlq-dm",
            vlq_dm.DESCRIPTION,
            vlq_dm.PARAMETERS,
            vlq_dm.build,
            vlq_dm.NOTE,
            vlq_dm.refuse,
            vlq_dm.SETTINGS,
            vlq_dm.domain,
            quantities=vlq_dm.QUANTITIES,
        ),
    ]
    return {model.name: model for model in found}


def _leptoquark(particle: Leptoquark) -> Model:
    return Model(
        particle.name,
        f"leptoquark {particle.name}, {particle.quantum_numbers}, of mass M [TeV]:"
        f" {_CORRELATED[particle.name]}",
        particle.parameters,
        particle.build,
        "lam_kl couples the quark of generation k to the lepton l, Eqs. (13)-(16) of"
        " arXiv:2309.12741, down-aligned; matrices of rank 1; no Bs mixing",
        particle.rules,
        domain=particle.domain,
        quantities=particle.quantities,
    )
