"""Which figures and animations a study consists of, by dry runs; nothing is executed."""

from collections import Counter

import pytest
from rerun_matrix import code
from workflow_copy import Workflow

SHOWN_OF_DEMO = {"draw_figures": 1, "draw_animation": 8}


def drawn(workflow: Workflow, *targets: str, **changes: object) -> Counter[str]:
    return Counter(job.rule for job in workflow.jobs(*targets, **changes) if job.rule.startswith("draw_"))


def test_a_study_has_its_figures_and_two_sequences_of_each_experiment_at_its_largest_stride(pristine: Workflow) -> None:
    jobs = [job for job in pristine.jobs("demo") if job.rule.startswith("draw_")]
    assert Counter(job.rule for job in jobs) == SHOWN_OF_DEMO
    animations = {(job.experiment, job.run, job.s_in, job.sequence) for job in jobs if job.rule == "draw_animation"}
    experiments, sequences = ("mocap_351", "people_351", "people_351_pt", "people_81"), ("02_Walk_cam0", "14_Climb_cam1")
    assert animations == {(name, "seed_0", "20", sequence) for name in experiments for sequence in sequences}


def test_figures_and_animations_are_targets(pristine: Workflow) -> None:
    assert drawn(pristine, "figures") == {"draw_figures": 1}
    assert drawn(pristine, "animations") == {"draw_animation": 8}
    assert drawn(pristine, "tables") == {}


def test_sequences_of_one_experiment_and_none_at_all(pristine: Workflow) -> None:
    own = {"demo": {"animations": [], "experiments": {"people_81": {"animations": ["29_Gesture_cam3"]}}}}
    jobs = pristine.jobs("animations", studies=own)
    assert [(job.experiment, job.sequence) for job in jobs if job.rule == "draw_animation"] == [("people_81", "29_Gesture_cam3")]


def test_published_weights_have_animations_too(pristine: Workflow, tmp_path) -> None:
    workflow = pristine.copy_to(tmp_path / "project")
    workflow.bring_data()
    runs = Counter(job.run for job in workflow.jobs("paper") if job.rule == "draw_animation")
    assert runs == {"seed_0": 8, "published": 8}


@pytest.mark.parametrize("suffix", ["gif", "mp4"])
def test_any_sequence_is_a_target_of_its_own(pristine: Workflow, suffix: str) -> None:
    target = f"results/demo/people_351_pt/seed_3/s_in_10/animation/14_33_cam2.{suffix}"
    jobs = pristine.jobs(target)
    [job] = [job for job in jobs if job.rule == "draw_animation"]
    assert (job.sequence, job.seed, job.run) == ("14_33_cam2", None, "seed_3")
    assert sum(job.rule == "predict_poses" for job in jobs) == 1


def test_names_of_sequences_are_checked_in_the_configuration(pristine: Workflow) -> None:
    result = pristine.snakemake("--dry-run", studies={"demo": {"animations": ["../S9"]}})
    assert result.returncode == 1
    assert "studies.demo.animations.0: '../S9' cannot be a name here" in result.stdout + result.stderr


@pytest.mark.long
def test_what_is_drawn_again(built: Workflow) -> None:
    """Pictures follow the scores and their own code; other pictures and the tables do not."""
    code("report/animation/view.py")(built)
    assert set(drawn(built)) == {"draw_animation"}
    assert "write_tables" not in built.counts()
    code("report/figures/per_action.py")(built)
    assert set(drawn(built)) == {"draw_animation", "draw_figures"}
