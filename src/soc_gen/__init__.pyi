from .api import CleanedChats as CleanedChats
from .api import ExportResult as ExportResult
from .api import Produced as Produced
from .api import agenerate_experiences as agenerate_experiences
from .api import arollout as arollout
from .api import clean as clean
from .api import clean_files as clean_files
from .api import export as export
from .api import generate_experiences as generate_experiences
from .api import push_to_hub as push_to_hub
from .api import read_chats as read_chats
from .api import read_experiences as read_experiences
from .api import read_personas as read_personas
from .api import rollout as rollout
from .api import write_jsonl as write_jsonl
from .config import Config as Config
from .config import load_config as load_config
from .engine.execute import StageResult as StageResult
from .errors import EndpointError as EndpointError
from .errors import SocError as SocError
from .errors import UsageError as UsageError
from .io.jsonl import BadLine as BadLine
from .io.schema import features as features
from .models import Chat as Chat
from .models import ChatPart as ChatPart
from .models import Experience as Experience
from .models import Failure as Failure
from .models import Persona as Persona
from .models import Rejection as Rejection
from .publish.hub import PushResult as PushResult
from .stages.clean.run import CleanReport as CleanReport

__all__: list[str]
__version__: str
