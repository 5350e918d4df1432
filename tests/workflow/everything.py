"""A small plan in which every way of data and every kind of job occurs, for the matrix of what runs again."""

from workflow_copy import Workflow

OWN = "data/my_lab"
# Studies with the counts of their jobs in mind: as few as show each way once.
STUDIES = {
    "demo": {"run": ["people_81"]},
    "paper": {
        "run": ["amass_351", "h36m_351_pt"],
        "resources": {"train_threads": 1, "predict_threads": 1, "gpus": 0},
        # converted by the user, from an archive behind a login, and the user's own recordings; all of Human3.6M behind a login
        "amass": {"subsets": ["CMU", "SFU"], "own": {"MyLab": OWN}},
    },
    "open": {"splits": {"train": ["01"], "val": ["07"], "test": ["02"]}},
    "my_lab": {
        "seeds": [0],
        "resources": {"train_threads": 1, "predict_threads": 1, "gpus": 0},
        "data": {"lab": {"kind": "mocap", "folder": OWN, "splits": {"train": ["anna"], "test": ["ben"]}}},
        "experiments": {
            "cmu_small": {"dataset": "lab", "train_subset": "train", "test_subset": "test", "evaluate_s_in": [5]},
        },
    },
}
S_IN = {
    ("demo", "people_81"): 10,
    ("open", "cmu_small"): 5,
    ("paper", "amass_351"): 5,
    ("paper", "h36m_351_pt"): 5,
    ("paper", "h36m_81"): 10,
}


def bring_everything(workflow: Workflow) -> None:
    """Write the plan into a copy of the project, and placeholders where the user's own files belong."""
    config = workflow.config()
    studies = config["studies"]
    config["reproduce"] = list(STUDIES)
    studies["my_lab"] = STUDIES["my_lab"]
    for name in ("systems", "ablations"):  # dozens of trainings by the same rules, with people that the small list has not
        del studies[name]
    for name in ("demo", "paper"):
        studies[name]["run"] = STUDIES[name]["run"]
    studies["paper"]["resources"] = STUDIES["paper"]["resources"]
    studies["paper"]["data"]["amass"] |= STUDIES["paper"]["amass"]
    studies["open"]["data"]["cmu"]["splits"] = STUDIES["open"]["splits"]
    studies["open"]["animations"] = ["02_Jump_cam2"]
    for (study, experiment), s_in in S_IN.items():
        studies[study]["experiments"][experiment]["evaluate_s_in"] = [s_in]
    for name in ("amass_351", "h36m_351", "h36m_351_pt"):  # of the published weights, those of h36m_81
        del studies["paper"]["experiments"][name]["published_weights"]
    workflow.write_config(config)
    for path in ("data/amass/CMU.npz", f"{OWN}/anna/walk.npz", f"{OWN}/ben/run.npz"):
        (workflow.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (workflow.folder / path).write_text(f"placeholder of {path}\n", encoding="utf-8")
