"use strict";
// The skeleton viewer: poses, over ground truth where there is any, turned by pointer and keys, scrubbed and played.
(() => {
  const data = JSON.parse(document.getElementById("poses").textContent);
  const find = (id) => document.getElementById(id);
  const scene = find("scene");
  if (!scene || !data.tracks.length) return;
  const strip = find("errors"), input = find("input"), scrubber = find("frame"), readout = find("readout");
  // What a page does not offer is null.
  const choices = Object.fromEntries(["weights", "s_in", "sequence", "upsampling", "speed", "layout"].map((id) => [id, find(id)]));
  const NUM_JOINTS = data.joints.length, ROOT = data.parents.indexOf(-1), DISTANCE = 5, HEIGHT = 2.25; // metres
  const view = { yaw: -0.5, pitch: 0.12, zoom: 1 };
  let clip = null, frame = 0, isPlaying = false, isStale = true, before = 0;

  // ---- data

  const unpacked = (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float32Array.from({ length: bytes.length / 2 }, (_, i) => {
      const number = view.getInt16(2 * i, true);
      return number === -32768 ? NaN : number;
    });
  };
  const inMetres = (text) => unpacked(text).map((number) => (number * data.unit_mm) / 1000);
  // Axes of the room: x to the right of the camera, y up, z towards it.
  const upright = (poses, up) => {
    const forward = [0, 0, 1].map((value, i) => value - up[2] * up[i]);
    const length = Math.hypot(...forward);
    const z = forward.map((value) => -value / length);
    const x = [up[1] * z[2] - up[2] * z[1], up[2] * z[0] - up[0] * z[2], up[0] * z[1] - up[1] * z[0]];
    const result = new Float32Array(poses.length);
    for (let i = 0; i < poses.length; i += 3)
      [x, up, z].forEach((axis, j) => { result[i + j] = axis[0] * poses[i] + axis[1] * poses[i + 1] + axis[2] * poses[i + 2]; });
    return result;
  };
  // As in the evaluation: linear between predicted frames, the last one repeated.
  const interpolated = (poses, step, numFrames) => {
    const size = 3 * NUM_JOINTS, last = poses.length / size - 1;
    const result = new Float32Array(numFrames * size);
    for (let f = 0; f < numFrames; f++) {
      const left = Math.min(Math.floor(f / step), last), right = Math.min(left + 1, last), weight = Math.min(f / step - left, 1);
      for (let i = 0; i < size; i++) {
        const start = poses[left * size + i];
        result[f * size + i] = weight ? start + weight * (poses[right * size + i] - start) : start; // NaN times 0 is NaN
      }
    }
    return result;
  };
  const commonMultiple = (a, b) => { let multiple = a; while (multiple % b) multiple += a; return multiple; };
  const onlyKeys = (poses, every) => {
    const size = 3 * NUM_JOINTS;
    return poses.filter((_, i) => Math.floor(i / size) % every === 0);
  };
  const errorsOf = (one, other, numFrames) => Float32Array.from({ length: numFrames }, (_, f) => {
    let sum = 0;
    for (let i = 3 * f * NUM_JOINTS; i < 3 * (f + 1) * NUM_JOINTS; i += 3)
      sum += Math.hypot(one[i] - other[i], one[i + 1] - other[i + 1], one[i + 2] - other[i + 2]);
    return (1000 * sum) / NUM_JOINTS;
  });
  const chosen = () => !choices.weights ? data.tracks[0] : data.tracks.find((track) =>
    `${track.experiment}/${track.run}` === choices.weights.value && track.s_in === Number(choices.s_in.value)
    && track.sequence === Number(choices.sequence.value));

  const load = () => {
    const track = chosen();
    if (!track) return;
    const sequence = data.sequences[track.sequence], numFrames = sequence.num_frames;
    const truth = sequence.truth ? upright(inMetres(sequence.truth), sequence.up) : null;
    const raw = upright(inMetres(track.poses), sequence.up);
    const isPlain = choices.upsampling?.value === "plain", plainStep = isPlain && commonMultiple(track.key_step, track.step);
    const prediction = isPlain
      ? interpolated(onlyKeys(raw, plainStep / track.step), plainStep, numFrames) : interpolated(raw, track.step, numFrames);
    const errors = truth && errorsOf(prediction, truth, numFrames);
    const keys = track.keys || Array.from({ length: Math.ceil(numFrames / track.key_step) }, (_, i) => i * track.key_step);
    const heights = (truth || prediction).filter((value, i) => i % 3 === 1 && !Number.isNaN(value)).sort();
    clip = { track, sequence, numFrames, truth, prediction, errors, keys, floor: heights[Math.floor(heights.length * 0.01)],
      seen: track.poses_2d && unpacked(track.poses_2d).map((number) => number / 10000),
      mean: errors && errors.reduce((sum, error) => sum + error, 0) / numFrames, top: errors && Math.max(...errors) };
    frame = Math.min(frame, numFrames - 1);
    scrubber.max = numFrames - 1;
    isStale = true;
  };
  const secondsAt = (f) => (clip.sequence.times ? clip.sequence.times[f] : f / clip.sequence.frame_rate);
  // The place of the last key frame up to a frame among all key frames; -1 before the first one.
  const lastKey = (f) => {
    let low = 0, high = clip.keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (clip.keys[middle] <= f) low = middle + 1; else high = middle;
    }
    return low - 1;
  };

  // ---- drawing

  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);
  const color = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  const pen = (canvas) => {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.lineCap = context.lineJoin = "round";
    return { context, width, height };
  };
  const projection = (centre, middle, size) => {
    const [cy, sy, cp, sp] = [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)];
    return (x, y, z) => {
      const turned = cy * x + sy * z, back = cy * z - sy * x;
      const depth = sp * y + cp * back, scale = (size * view.zoom * DISTANCE) / Math.max(DISTANCE - depth, 0.5);
      return [centre + turned * scale, middle - (cp * y - sp * back) * scale, depth];
    };
  };
  const line = (context, from, to) => {
    context.beginPath();
    context.moveTo(from[0], from[1]);
    context.lineTo(to[0], to[1]);
    context.stroke();
  };
  const drawFloor = (context, project) => {
    context.strokeStyle = color("grid");
    context.lineWidth = 1;
    for (let i = -4; i <= 4; i++) {
      line(context, project(i / 4, clip.floor, -1), project(i / 4, clip.floor, 1));
      line(context, project(-1, clip.floor, i / 4), project(1, clip.floor, i / 4));
    }
  };
  const colorOf = (joint) => color({ l: "left", r: "right" }[data.joints[joint].match(/^([lr])_/)?.[1]] || "spine");
  const drawBody = (context, poses, project, isTruth) => {
    const at = (joint) => project(...poses.subarray(3 * (frame * NUM_JOINTS + joint), 3 * (frame * NUM_JOINTS + joint) + 3));
    const points = data.joints.map((_, joint) => at(joint));
    if (Number.isNaN(points[ROOT][0])) return null;
    const bones = data.parents.map((parent, joint) => [parent, joint]).filter(([parent]) => parent >= 0);
    bones.sort((a, b) => points[a[0]][2] + points[a[1]][2] - points[b[0]][2] - points[b[1]][2]);
    context.setLineDash(isTruth ? [7, 6] : []);
    context.lineWidth = isTruth ? 3 : 5;
    for (const [parent, joint] of bones) {
      context.strokeStyle = isTruth ? color("truth") : colorOf(joint);
      line(context, points[parent], points[joint]);
    }
    context.setLineDash([]);
    for (const [joint, point] of points.entries()) {
      context.fillStyle = isTruth ? color("truth") : colorOf(joint);
      context.beginPath();
      context.arc(point[0], point[1], (isTruth ? 2.6 : 4) * (joint === ROOT ? 1.3 : 1), 0, 7);
      context.fill();
    }
    return points;
  };
  const drawScene = () => {
    const { context, width, height } = pen(scene);
    const isApart = choices.layout?.value === "apart";
    const size = Math.min(height / HEIGHT, width / (isApart ? 3 : 1.5));
    const places = isApart ? [width * 0.27, width * 0.73] : [width / 2, width / 2];
    const [forTruth, forPrediction] = places.map((centre) => projection(centre, height * 0.5, size));
    drawFloor(context, forTruth);
    if (isApart) drawFloor(context, forPrediction);
    const isShown = (id) => find(id)?.checked ?? true;
    const truth = clip.truth && isShown("show-truth") && drawBody(context, clip.truth, forTruth, true);
    const prediction = isShown("show-prediction") && drawBody(context, clip.prediction, forPrediction, false);
    if (truth && prediction && !isApart && find("show-errors").checked) {
      context.strokeStyle = color("bad");
      context.lineWidth = 1.6;
      truth.forEach((point, joint) => line(context, point, prediction[joint]));
    }
    context.fillStyle = color("soft");
    context.font = "13px system-ui, sans-serif";
    context.textAlign = "center";
    if (isApart) ["ground truth", "prediction"].forEach((label, i) => context.fillText(label, places[i], 22));
    if (prediction === null) context.fillText("no 2D pose within reach of the network", width / 2, height / 2);
  };
  // The last 2D pose that the network saw, faint between key frames, in the outline of the camera's picture.
  const drawInput = () => {
    const { context, width, height } = pen(input), [w, h] = clip.sequence.size, room = 34;
    const scale = Math.min((width - 24) / w, (height - room - 12) / h), left = (width - w * scale) / 2, top = room + (height - room - 12 - h * scale) / 2;
    const key = lastKey(frame), isNow = clip.keys[key] === frame;
    context.fillStyle = color("sunk");
    context.fillRect(left, top, w * scale, h * scale);
    context.strokeStyle = color(isNow ? "accent" : "line");
    context.lineWidth = isNow ? 3 : 1;
    context.strokeRect(left, top, w * scale, h * scale);
    context.fillStyle = color(isNow ? "ink" : "soft");
    context.font = "13px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText(key < 0 ? "nothing seen yet" : isNow ? "seen by the network" : "masked; faint: the last one seen", width / 2, 22);
    if (key < 0) return;
    const at = (joint) => [0, 1].map((axis) => [left, top][axis] + clip.seen[2 * (key * NUM_JOINTS + joint) + axis] * [w, h][axis] * scale);
    context.globalAlpha = isNow ? 1 : 0.4;
    context.lineWidth = isNow ? 4 : 3;
    data.parents.forEach((parent, joint) => {
      if (parent < 0) return;
      context.strokeStyle = colorOf(joint);
      line(context, at(parent), at(joint));
    });
    context.globalAlpha = 1;
  };
  const MARGIN = 12; // of the strip, as the thumb of the slider has
  const drawStrip = () => {
    const { context, width, height } = pen(strip);
    const x = (f) => MARGIN + (f / Math.max(clip.numFrames - 1, 1)) * (width - 2 * MARGIN), base = height - 16;
    const y = (error) => base - (error / clip.top) * (base - 22);
    const numKeys = clip.keys.length;
    context.strokeStyle = color("grid");
    line(context, [x(0), base], [x(clip.numFrames - 1), base]);
    context.fillStyle = context.strokeStyle = color("accent");
    for (const f of clip.keys) context.fillRect(x(f) - 0.75, base + (clip.errors ? 3 : -14), 1.5, clip.errors ? 10 : 14);
    if (clip.errors) {
      context.lineWidth = 1.6;
      context.beginPath();
      clip.errors.forEach((error, f) => context.lineTo(x(f), y(error)));
      context.stroke();
    }
    context.fillStyle = color("soft");
    context.font = "12px system-ui, sans-serif";
    context.fillText(clip.errors ? `error, mm; most ${clip.top.toFixed(0)}, mean ${clip.mean.toFixed(1)}`
      : `marks: ${numKeys} of ${clip.numFrames} frames seen by the network`, MARGIN, 14);
    context.strokeStyle = color("ink");
    context.lineWidth = 2;
    line(context, [x(frame), 20], [x(frame), height - 2]);
  };
  const tell = () => {
    const key = lastKey(frame), behind = frame - clip.keys[key], of = clip.track.key_step ?? clip.keys[key + 1] - clip.keys[key];
    const kind = behind === 0 ? "key frame" : key < 0 ? "before the first key frame"
      : `${behind} ${of > behind ? `of ${of} ` : ""}frames behind a key frame`;
    const seconds = secondsAt(frame).toFixed(2), number = frame + (clip.sequence.first_frame ?? 0); // as the file counts
    readout.textContent = clip.errors
      ? `${clip.errors[frame].toFixed(1)} mm at frame ${number} (${seconds} s), ${kind}; ${clip.mean.toFixed(1)} mm on average`
      : `frame ${number} (${seconds} s), ${kind}`;
    scrubber.value = frame;
    scrubber.setAttribute("aria-valuetext", `frame ${number}, ${seconds} seconds, ${kind}`);
  };
  const tick = (now) => {
    if (isPlaying) {
      const lasts = (f) => (f + 1 < clip.numFrames ? secondsAt(f + 1) - secondsAt(f) : 1 / clip.sequence.frame_rate);
      const speed = Number(choices.speed.value);
      let passed = ((now - before) / 1000) * speed;
      while (passed >= lasts(frame)) {
        passed -= lasts(frame);
        frame = (frame + 1) % clip.numFrames;
        before = now - (1000 * passed) / speed;
        isStale = true;
      }
    }
    if (isStale && clip && scene.clientWidth) {
      isStale = false;
      drawScene();
      if (input) drawInput();
      drawStrip();
      tell();
    }
    requestAnimationFrame(tick);
  };

  // ---- what the reader does

  const play = (wanted) => {
    isPlaying = wanted;
    before = performance.now();
    find("play").textContent = wanted ? "Pause" : "Play";
    readout.setAttribute("aria-live", wanted ? "off" : "polite");
  };
  const go = (target) => { frame = Math.max(0, Math.min(clip.numFrames - 1, Math.round(target))); isStale = true; };
  const turn = (yaw, pitch) => {
    view.yaw += yaw;
    view.pitch = Math.max(-1.5, Math.min(1.5, view.pitch + pitch));
    isStale = true;
  };
  const zoom = (factor) => { view.zoom = Math.max(0.4, Math.min(4, view.zoom * factor)); isStale = true; };
  const look = (yaw, pitch) => { Object.assign(view, { yaw, pitch, zoom: 1 }); isStale = true; };
  const nextKey = (sign) => {
    const key = lastKey(frame), isOn = clip.keys[key] === frame, target = clip.keys[sign > 0 ? key + 1 : isOn ? key - 1 : key];
    if (target !== undefined) go(target);
  };
  const KEYS = {
    ArrowLeft: () => turn(-0.1, 0), ArrowRight: () => turn(0.1, 0), ArrowUp: () => turn(0, -0.1), ArrowDown: () => turn(0, 0.1),
    "+": () => zoom(1.15), "=": () => zoom(1.15), "-": () => zoom(1 / 1.15), " ": () => play(!isPlaying),
    ",": () => go(frame - 1), ".": () => go(frame + 1), "[": () => nextKey(-1), "]": () => nextKey(1), Home: () => look(-0.5, 0.12),
  };
  scene.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  const pointers = new Map();
  scene.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    scene.setPointerCapture(event.pointerId);
    scene.classList.add("turning");
  });
  scene.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const now = [event.clientX, event.clientY], others = [...pointers].filter(([id]) => id !== event.pointerId);
    if (others.length) {
      const apart = (point) => Math.hypot(point[0] - others[0][1][0], point[1] - others[0][1][1]);
      zoom(apart(now) / Math.max(apart(last), 1));
    } else turn((now[0] - last[0]) * 0.01, (now[1] - last[1]) * 0.01);
    pointers.set(event.pointerId, now);
  });
  for (const kind of ["pointerup", "pointercancel"])
    scene.addEventListener(kind, (event) => { pointers.delete(event.pointerId); scene.classList.toggle("turning", pointers.size > 0); });
  // Without the focus or Ctrl, the wheel scrolls the page.
  scene.addEventListener("wheel", (event) => {
    if (document.activeElement !== scene && !event.ctrlKey) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * 0.0015));
  }, { passive: false });
  const scrub = (event) => {
    if (event.buttons || event.type === "pointerdown")
      go(((event.offsetX - MARGIN) / (strip.clientWidth - 2 * MARGIN)) * (clip.numFrames - 1));
  };
  for (const kind of ["pointerdown", "pointermove"]) strip.addEventListener(kind, scrub);
  scrubber.addEventListener("input", () => go(Number(scrubber.value)));
  find("play").addEventListener("click", () => play(!isPlaying));
  find("previous-key").addEventListener("click", () => nextKey(-1));
  find("next-key").addEventListener("click", () => nextKey(1));
  find("look-camera").addEventListener("click", () => look(0, 0));
  find("look-side").addEventListener("click", () => look(Math.PI / 2, 0));
  find("look-top").addEventListener("click", () => look(0, 1.45));
  for (const id of ["show-truth", "show-prediction", "show-errors", "layout"]) find(id)?.addEventListener("change", () => { isStale = true; });
  for (const id of ["s_in", "sequence", "upsampling"]) choices[id]?.addEventListener("change", load);
  // Not every experiment has every stride and every sequence.
  const offer = (select, values, labels) => {
    const wanted = Number(select.value), nearest = values.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a));
    select.replaceChildren(...values.map((value, i) => new Option(labels[i], value, false, value === nearest)));
  };
  const offerAll = () => {
    const tracks = data.tracks.filter((track) => `${track.experiment}/${track.run}` === choices.weights.value);
    const sorted = (key) => [...new Set(tracks.map((track) => track[key]))].sort((a, b) => a - b);
    offer(choices.s_in, sorted("s_in"), sorted("s_in").map((s_in) => `${s_in} frames`));
    offer(choices.sequence, sorted("sequence"), sorted("sequence").map((place) => data.sequences[place].name));
    load();
  };
  choices.weights?.addEventListener("change", offerAll);
  new ResizeObserver(() => { isStale = true; }).observe(scene);
  document.addEventListener("themechange", () => { isStale = true; });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { isStale = true; });
  if (choices.weights) offerAll(); else load();
  play(false);
  requestAnimationFrame(tick);
})();
