"""The labeling config of a set task: a whole video, its reps on the timeline, the errors of each."""

from collections.abc import Iterable

from pushup_data.labelstudio import config
from pushup_data.params import LabelStudio
from pushup_data.taxonomy import Taxonomy

REP = "rep"
BOUNDS_ONLY = "bounds_only"
_OF_REGION = 'toName="clip" choice="multiple" perRegion="true" whenTagName="reps"'


def title(settings: LabelStudio) -> str:
    """Return the name of the project of sets."""
    return f"{settings.title}{config.OF_SETS}"


def render(taxonomy: Taxonomy, kept: Iterable[str] = ()) -> str:
    """Return the XML. `kept` are errors no longer in the taxonomy whose labels are in use: they stay.

    Boxes have the names, values and keys of the rep task, so that answers read alike.
    """
    errors, unsure, usable = config.boxes_of(taxonomy, kept)
    lines = [
        '<View style="display:flex;gap:16px;align-items:flex-start">',
        # Without a width of its own the timeline, thousands of pixels long, would push all else aside.
        '  <View style="flex:1 1 0;min-width:0;overflow:hidden">',
        '    <TimelineLabels name="reps" toName="clip">',
        f'      <Label value="{REP}" background="#1d81cd" hotkey="a"/>',
        "    </TimelineLabels>",
        '    <Video name="clip" value="$video" frameRate="$fps" height="320" timelineHeight="132"'
        ' minPlaybackSpeed="0.25"/>',
        "  </View>",
        '  <View style="flex:0 0 296px">',
        '    <View visibleWhen="no-region-selected">',
        '      <Header size="5" value="Click a rep on the timeline to say what is wrong with it. '
        'A rep with nothing ticked is good."/>',
        '      <Choices name="bounds" toName="clip" choice="multiple">',
        f'        <Choice value="{BOUNDS_ONLY}" html="I looked at the bounds only" hotkey="b"'
        ' hint="What is wrong with them stays open"/>',
        "      </Choices>",
        "    </View>",
        '    <View visibleWhen="region-selected" whenTagName="reps">',
        '      <Header size="5" value="This rep: nothing ticked is good."/>',
        '      <View style="display:flex;gap:8px">',
        f'        <Choices name="errors" {_OF_REGION}>',
        *(f"          {line}" for line in errors),
        "        </Choices>",
        f'        <Choices name="unsure" {_OF_REGION}>',
        *(f"          {line}" for line in unsure),
        "        </Choices>",
        "      </View>",
        f'      <Choices name="usable" {_OF_REGION}>',
        f"        {usable}",
        "      </Choices>",
        '      <TextArea name="note" toName="clip" perRegion="true" rows="1" maxSubmissions="1"'
        ' editable="true" placeholder="Note on this rep"/>',
        "    </View>",
        "  </View>",
        "</View>",
    ]
    return "\n".join(lines) + "\n"
