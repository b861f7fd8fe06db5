// @ts-check
/**
 * A track without sound. The server ends a session that sends neither picture nor sound; whoever is live by keys and
 * words alone sends this.
 */

/** @type {{context: AudioContext, track: MediaStreamTrack} | null} */
let open = null;

/** @returns {MediaStreamTrack} the same until `endSilence` */
export function silence() {
  if (open === null) {
    const context = new AudioContext();
    const source = new ConstantSourceNode(context, { offset: 0 });
    const destination = context.createMediaStreamDestination();
    source.connect(destination);
    source.start();
    open = { context, track: destination.stream.getAudioTracks()[0] };
    const resume = () => void open?.context.resume(); // a page that was just loaded again may not begin by itself
    for (const type of ['pointerdown', 'keydown']) {
      document.addEventListener(type, resume, { once: true });
    }
  }
  return open.track;
}

export function endSilence() {
  void open?.context.close();
  open = null;
}
