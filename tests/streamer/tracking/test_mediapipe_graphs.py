"""MediaPipe's graphs are those of its own import, which also knows what none of our models asks for by name."""

from __future__ import annotations

import subprocess
import sys

from streamer.tracking.mediapipe_models import face_detection, face_mesh, hands, pose, selfie_segmentation

GRAPHS = """
for model in (
    face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.3),
    face_mesh.FaceMesh(refine_landmarks=True, max_num_faces=2, min_tracking_confidence=0.7),
    hands.Hands(model_complexity=0, max_num_hands=1),
    pose.Pose(model_complexity=1),
    selfie_segmentation.SelfieSegmentation(model_selection=0),
):
    graphs.append(model._graph.text_config)
    model.close()
"""
IMPORTED = "from mediapipe.python.solutions import face_detection, face_mesh, hands, pose, selfie_segmentation"


def test_graphs_have_the_options_that_a_full_import_gives_them() -> None:
    program = f"{IMPORTED}\ngraphs = []\n{GRAPHS}\nprint(repr(graphs))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    graphs: list[str] = []
    names = {"face_detection": face_detection, "face_mesh": face_mesh, "hands": hands, "pose": pose}
    exec(GRAPHS, {**names, "selfie_segmentation": selfie_segmentation, "graphs": graphs})
    assert len(graphs) == 5 and "SIGMOID" in graphs[1]
    assert repr(graphs) == printed.strip()
